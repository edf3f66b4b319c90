// A command-line tool of which any number can run at once on one credentials file.
//
//   node --import ./scripts/typescript.mjs examples/node-cli/server.ts
//   node --import ./scripts/typescript.mjs examples/node-cli/main.ts login ada
//   node --import ./scripts/typescript.mjs examples/node-cli/main.ts login --device
//   node --import ./scripts/typescript.mjs examples/node-cli/main.ts call http://127.0.0.1:4000/api/items
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createFetch, createTokenManager, isTokenError } from 'evertoken';
import { deviceSignIn } from 'evertoken/device';
import { loopbackSignIn } from 'evertoken/loopback';
import { node } from 'evertoken/node';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const { SERVER = 'http://127.0.0.1:4000', CREDENTIALS = join(homedir(), '.config', 'shop', 'credentials.json') } =
  process.env;

const client = oauthClient({ issuer: SERVER, clientId: 'shop-cli', scopes: ['openid', 'profile'] });
const platform = node({ file: CREDENTIALS });
const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });
const api = createFetch(tokens, { origins: [SERVER] });

const commands: Record<string, (argument: string | undefined) => Promise<string>> = {
  /** In the browser of this machine; `--device`: in that of another one, where there is none here. */
  async login(user) {
    const isDevice = user === '--device';
    const onCode = (code: { verificationUri: string; userCode: string }) =>
      console.error(`Go to ${code.verificationUri} and enter ${code.userCode}`);
    const open = (url: string) => console.error(`Sign in at ${url}`);
    if (isDevice) await deviceSignIn({ client, tokens, onCode });
    else await loopbackSignIn(signIn, { open, prompt: 'login', loginHint: user });
    return `Signed in as ${tokens.getSnapshot().claims?.sub}; credentials are in ${CREDENTIALS}.`;
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
    await signIn.end();
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
