import type { World } from './auth-world.js';
import { type Answer, type Exchange, json, refusal } from './exchange.js';
import { grantTypes } from './token-grants.js';

/** What the server says of itself: RFC 8414 and OpenID Connect Discovery, or of its API: RFC 9728. */
export function actOnDiscovery({ switches }: World, { method, url }: Exchange): Answer {
  const { origin, pathname } = url;
  if (method !== 'GET') return refusal(405, 'invalid_request', 'only GET', { Allow: 'GET' });
  if (pathname.startsWith('/.well-known/oauth-protected-resource')) {
    return json(200, {
      resource: `${origin}/api`,
      authorization_servers: [origin],
      bearer_methods_supported: ['header'],
      ...(switches.dpop !== 'ignored' && { dpop_signing_alg_values_supported: ['ES256'] }),
    });
  }
  return json(200, {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    revocation_endpoint: `${origin}/revoke`,
    introspection_endpoint: `${origin}/introspect`,
    userinfo_endpoint: `${origin}/userinfo`,
    end_session_endpoint: `${origin}/logout`,
    pushed_authorization_request_endpoint: `${origin}/par`,
    device_authorization_endpoint: `${origin}/device_authorization`,
    require_pushed_authorization_requests: switches.requirePar,
    authorization_response_iss_parameter_supported: switches.callbackIssuer === 'promised',
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'fragment'],
    grant_types_supported: ['refresh_token', ...Object.keys(grantTypes)],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['HS256'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
    claims_parameter_supported: true,
    ...(switches.dpop !== 'ignored' && { dpop_signing_alg_values_supported: ['ES256'] }),
  });
}
