// Run as a process of its own: node quitting-child.mjs <file> <token endpoint> [<token response>]
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { node } from '../../src/presets/node.js';

const [file = '', url = '', response] = process.argv.slice(2);

const tokens = createTokenManager({
  refresh: tokenEndpoint({ url, clientId: 'app' }),
  platform: node({ file }),
  leewayMs: 3_600_000,
});
if (response) await tokens.startSession(JSON.parse(response));
const said = await tokens.getAccessToken().catch((error: { code?: string }) => error.code);
process.stdout.write(`said ${said}\n`, () => process.exit()); // its work is done, and nobody says settled()
