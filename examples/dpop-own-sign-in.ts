import { createFetch, createTokenManager, tokenEndpoint } from 'evertoken';
import { dpop, jwkKeys } from 'evertoken/dpop';
import { fileStorage } from 'evertoken/file';
import { node } from 'evertoken/node';

const url = 'https://auth.example/token';
const file = '/var/lib/orders/credentials.json';
const keys = dpop({ keys: jwkKeys({ storage: fileStorage(file) }) });

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url, clientId: 'orders', dpop: keys }),
  platform: node({ file }),
});
export const api = createFetch(tokens, { origins: ['https://api.example'], fetch: keys.fetch(tokens) });

/** Trades a code for tokens that are bound to a new key. */
export async function signIn(code: string, verifier: string): Promise<void> {
  const { binding } = await keys.keys.create();
  const form = { grant_type: 'authorization_code', client_id: 'orders', code, code_verifier: verifier };
  const response = await keys.endpoint(binding)(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  if (!response.ok) throw new Error(`the code was refused: ${response.status}`);
  await tokens.startSession(await response.json(), { binding });
}
