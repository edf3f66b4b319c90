import type { ServerMetadata } from './metadata.js';

/** Proves who the client is, in the headers or the form of one request; `PrivateKeyJwt()` of oauth4webapi makes such a function. */
export type ClientAuthentication = Authenticator['prove'];

/** A method, whose parameters TypeScript compares loosely, so that functions with another metadata type fit. */
interface Authenticator {
  prove(
    server: ServerMetadata,
    client: { client_id: string },
    body: URLSearchParams,
    headers: Headers,
  ): void | Promise<void>;
}

/** Makes the authentication function of a client from its options. */
export function clientAuthentication(
  clientId: string,
  given: { secret: string; method?: 'basic' | 'post' } | ClientAuthentication | undefined,
): ClientAuthentication {
  if (typeof given === 'function') return given;
  return (server, client, body, headers) => {
    if (!given) return body.set('client_id', clientId);
    const { secret, method = methodOf(server) } = given;
    if (method === 'basic')
      return headers.set('authorization', `Basic ${btoa(`${encode(clientId)}:${encode(secret)}`)}`);
    body.set('client_id', client.client_id);
    body.set('client_secret', secret);
  };
}

function methodOf({ token_endpoint_auth_methods_supported: methods }: ServerMetadata): 'basic' | 'post' {
  return methods?.includes('client_secret_post') && !methods.includes('client_secret_basic') ? 'post' : 'basic';
}

// Both halves are form-encoded (RFC 6749 section 2.3.1), as URLSearchParams does: servers compare letter by letter.
function encode(text: string): string {
  return new URLSearchParams({ _: text }).toString().slice(2);
}
