import type { AuthClient } from './auth-server-options.js';
import { type Answer, refusal } from './exchange.js';

/** The client of a request, or the refusal to answer. */
export type Authentication = { readonly clientId: string | undefined } | { readonly refusal: Answer };

/** Authenticates the client of a request (RFC 6749 section 2.3). */
export function authenticate(
  clients: readonly AuthClient[] | undefined,
  headers: Headers,
  parameters: Readonly<Record<string, string>>,
): Authentication {
  const basic = readBasic(headers.get('authorization'));
  const { client_id: posted, client_secret: secret } = parameters;
  if (basic && secret !== undefined) {
    return { refusal: refusal(400, 'invalid_request', 'more than one way of client authentication') };
  }
  const clientId = basic ? basic.clientId : posted;
  if (!clients) return { clientId };
  const client = clients.find((known) => known.clientId === clientId);
  const method = basic ? 'basic' : secret === undefined ? 'none' : 'post';
  if (client && allowed(client).includes(method) && client.clientSecret === (basic ? basic.secret : secret)) {
    return { clientId };
  }
  const challenge = headers.has('authorization') ? { 'WWW-Authenticate': 'Basic realm="token"' } : {};
  return { refusal: refusal(401, 'invalid_client', 'unknown client, or not authenticated as registered', challenge) };
}

/** The client that a request claims to come from, unproven. */
export function claimedClient(headers: Headers, parameters: Readonly<Record<string, string>>): string | undefined {
  return readBasic(headers.get('authorization'))?.clientId ?? parameters.client_id;
}

function allowed({ clientSecret, authentication }: AuthClient): readonly string[] {
  if (authentication) return [authentication];
  return clientSecret === undefined ? ['none'] : ['basic', 'post'];
}

/** The credentials of HTTP Basic, form-encoded inside base64 (RFC 6749 section 2.3.1). */
function readBasic(header: string | null): { clientId: string; secret: string } | undefined {
  const encoded = /^basic +([\w+/=-]+) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    const [clientId = '', ...secret] = atob(encoded).split(':');
    const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
    return { clientId: decode(clientId), secret: decode(secret.join(':')) };
  } catch {
    return undefined;
  }
}
