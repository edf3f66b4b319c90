// Run as a process of its own: signs in if it has to, asks for a token, and has to end by itself.
import { createTokenManager } from '../../src/index.js';
import { node } from '../../src/presets/node.js';

const [file] = process.argv.slice(2);
const tokens = createTokenManager({
  refresh: async () => ({ access_token: 'second', expires_in: 3600, refresh_token: 'two' }),
  platform: node({ file: file || undefined }),
});
tokens.subscribe(() => undefined);
if (process.argv[3] === 'sign-in') {
  await tokens.startSession({ access_token: 'first', expires_in: 3600, refresh_token: 'one' });
}
process.stdout.write(`token ${await tokens.getAccessToken()}\n`);
