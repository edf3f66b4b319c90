import { createTokenManager } from 'evertoken';
import { deviceSignIn } from 'evertoken/device';
import { loopbackSignIn } from 'evertoken/loopback';
import { node } from 'evertoken/node';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';

const platform = node({ file: 'session.json' });
const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'orders-cli',
  scopes: ['openid', 'offline_access', 'orders'],
});
export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });
const signIn = createSignIn({ client, tokens, platform });

/** Where there is a browser. */
export async function login(open: (url: string) => unknown): Promise<void> {
  await loopbackSignIn(signIn, { open });
}

/** Where there is none: over SSH, on a television. */
export async function loginElsewhere(): Promise<void> {
  await deviceSignIn({
    client,
    tokens,
    onCode: ({ verificationUri, userCode }) => console.log(`Go to ${verificationUri} and enter ${userCode}`),
  });
}
