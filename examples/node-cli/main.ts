// A command-line tool of which any number can run at once on one credentials file.
//
//   node --import ./scripts/typescript.mjs examples/node-cli/main.ts login ada
//   node --import ./scripts/typescript.mjs examples/node-cli/main.ts call http://127.0.0.1:4000/api/items
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createFetch, createTokenManager, isTokenError, type TokenResponse, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';

const { SERVER = 'http://127.0.0.1:4000', CREDENTIALS = join(homedir(), '.config', 'shop', 'credentials.json') } =
  process.env;
const clientId = 'shop-cli';

const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: `${SERVER}/token`, clientId }),
  revoke: ({ refreshToken, signal }) =>
    fetch(`${SERVER}/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: refreshToken ?? '', client_id: clientId }),
      signal,
    }),
  platform: node({ file: CREDENTIALS }),
});
const api = createFetch(tokens, { origins: [SERVER] });

const commands: Record<string, (argument: string | undefined) => Promise<string>> = {
  // a real tool sends the user to the browser here, or shows a device code (RFC 8628)
  async login(user = 'ada') {
    const body = new URLSearchParams({ user, scope: 'openid profile', client_id: clientId });
    const response = await fetch(`${SERVER}/sign-in`, { method: 'POST', body });
    if (!response.ok) throw new Error(`The server answered ${response.status} to the sign-in.`);
    await tokens.startSession((await response.json()) as TokenResponse);
    return `Signed in as ${user}; credentials are in ${CREDENTIALS}.`;
  },
  async whoami() {
    await tokens.getAccessToken(); // refreshes, should that be due, and says who is not signed in
    const { claims, expiresAt = Number.NaN } = tokens.getSnapshot();
    return `${claims?.sub}, with an access token until ${new Date(expiresAt).toLocaleTimeString()}`;
  },
  async call(url = `${SERVER}/api`) {
    const response = await api(url);
    return `${response.status} ${await response.text()}`;
  },
  async logout() {
    await tokens.endSession();
    return 'Signed out.';
  },
};

const [name = '', argument] = process.argv.slice(2);
const command = commands[name];
try {
  if (!command) throw new Error(`Usage: ${Object.keys(commands).join(' | ')}`);
  console.log(await command(argument));
} catch (error) {
  const needsLogin = isTokenError(error) && error.name === 'SessionError';
  console.error(needsLogin ? 'Not signed in. Run: login' : (error as Error).message);
  process.exitCode = 1;
}
