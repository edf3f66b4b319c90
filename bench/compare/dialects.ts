/** What an application's requests and the embedded server's answers have to be changed by, so that they understand each other. */
export interface Dialect {
  /** The request as the embedded server takes it; by its path with the query, and its form. */
  ask?(path: string, form: URLSearchParams): string;
  /** What the front answers by itself. */
  own?(path: string, origins: Origins): object | undefined;
  /** The JSON of an answer as the library takes it. */
  answer?(path: string, json: Record<string, unknown>, origins: Origins): Record<string, unknown>;
}

/** Where the two fronts of one embedded server are. */
export interface Origins {
  readonly issuer: string;
  readonly api: string;
}

/** Whatever follows the standards needs no change. */
export const plain: Dialect = {};

/**
 * Auth0's: no discovery, `audience` for `resource`, one policy for all audiences of a client, and ID tokens that say RS256
 * and an issuer with a slash.
 *
 * Its paths are built into the library, and a DPoP proof names the path: its domain is given as `…/token?`, so that
 * `…/token?/oauth/token` has the path that the embedded server has.
 */
export function auth0(audiences: readonly string[]): Dialect {
  return {
    ask(path, form) {
      const [, inner = ''] = path.split('/token?');
      const query = new URLSearchParams(inner.split('?')[1] ?? '');
      for (const parameters of [query, form]) {
        const audience = parameters.get('audience');
        if (audience && parameters === form) form.set('resource', audience);
        parameters.delete('audience');
      }
      if (!inner.startsWith('/authorize?')) return path.replace(/\?.*/, '');
      for (const audience of audiences) query.append('resource', audience);
      return `/authorize?${query}`;
    },
    answer(path, json, { issuer }) {
      if (path !== '/token' || typeof json.id_token !== 'string') return json;
      return { ...json, id_token: signedAnew(json.id_token, `${issuer}/token?/`) };
    },
  };
}

/** atproto's: a profile of OAuth in which clients are known by their metadata, and users by a DID that is in the answer. */
export function atproto(did: string): Dialect {
  return {
    own: (path, { issuer, api }) =>
      path === '/.well-known/oauth-protected-resource' ? { resource: api, authorization_servers: [issuer] } : undefined,
    answer(path, json) {
      if (path === '/.well-known/oauth-authorization-server')
        return { ...json, client_id_metadata_document_supported: true };
      return path === '/token' && json.access_token ? { ...json, sub: did } : json;
    },
  };
}

/** The library reads what the header says, and verifies no signature. */
function signedAnew(idToken: string, iss: string): string {
  const [, payload = '', signature = ''] = idToken.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), iss };
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.${signature}`;
}
