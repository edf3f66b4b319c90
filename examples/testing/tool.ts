import { createFetch, createTokenManager, isTokenError } from 'evertoken';
import { loopbackSignIn } from 'evertoken/loopback';
import { node } from 'evertoken/node';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

/** Where the tool keeps its session, and who signs its users in. */
export interface Settings {
  readonly file: string;
  readonly issuer: string;
  readonly api: string;
  /** Opens the browser of this machine. */
  readonly open: (url: string) => unknown;
}

/** A command-line tool, without the command line: what it writes, and the code that it exits with. */
export async function run(command: string, { file, issuer, api, open }: Settings): Promise<[string, number]> {
  const platform = node({ file });
  const client = oauthClient({ issuer, clientId: 'orders-cli', scopes: ['openid', 'offline_access', 'orders'] });
  const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
  const signIn = createSignIn({ client, tokens, platform });
  const send = createFetch(tokens, { origins: [new URL(api).origin] });
  try {
    if (command === 'login') {
      await loopbackSignIn(signIn, { open });
      return ['Signed in.', 0];
    }
    if (command === 'logout') {
      await signIn.end();
      return ['Signed out.', 0];
    }
    const response = await send(api);
    return [await response.text(), response.ok ? 0 : 1];
  } catch (error) {
    if (!isTokenError(error)) throw error;
    return [error.name === 'SessionError' ? 'Not signed in. Run: orders login' : error.message, 1];
  } finally {
    await tokens.settled(); // the process may end now
    tokens.dispose();
  }
}
