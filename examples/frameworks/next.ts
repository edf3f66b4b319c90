import { createTokenManager, type TokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';

/** The client that the server of Next is at the token endpoint. */
export interface BackendOptions {
  tokenUrl: string;
  revokeUrl: string;
  clientId: string;
  clientSecret: string;
  fetch?: typeof fetch;
}

/** The handlers of a route. Next hands them a request and wants a response, both of the web platform. */
export interface SessionRoute {
  POST(request: Request): Promise<Response>;
  DELETE(request: Request): Promise<Response>;
}

const NAME = '__Host-refresh';

/**
 * For `app/api/session/route.ts`: `export const { POST, DELETE } = sessionRoute({ … })`.
 *
 * The refresh token stays in an HttpOnly cookie. A route is the only place for that: a server component can read cookies
 * and not set them, so that a refresh token rotated there would be lost.
 */
export function sessionRoute({
  tokenUrl,
  revokeUrl,
  clientId,
  clientSecret,
  fetch: ask = fetch,
}: BackendOptions): SessionRoute {
  const send = (url: string, parameters: Record<string, string>): Promise<Response> =>
    ask(url, {
      method: 'POST',
      body: new URLSearchParams({ ...parameters, client_id: clientId, client_secret: clientSecret }),
      cache: 'no-store',
    });
  return {
    async POST(request) {
      if (isForeign(request)) return new Response(null, { status: 403 });
      const refreshToken = readCookie(request);
      if (!refreshToken) return Response.json({ error: 'invalid_grant' }, { status: 400 });
      const answer = await send(tokenUrl, { grant_type: 'refresh_token', refresh_token: refreshToken });
      if (!answer.ok) return answer;
      const { refresh_token: next = refreshToken, ...visible } = await answer.json();
      return Response.json(visible, { headers: { 'Set-Cookie': cookie(next), 'Cache-Control': 'no-store' } });
    },
    async DELETE(request) {
      if (isForeign(request)) return new Response(null, { status: 403 });
      const refreshToken = readCookie(request);
      if (refreshToken) await send(revokeUrl, { token: refreshToken });
      return new Response(null, { status: 204, headers: { 'Set-Cookie': `${cookie('')}; Max-Age=0` } });
    },
  };
}

/** For a module of client components, with `'use client'`; give it to `SessionProvider` of evertoken/react. */
export function createTokens(fetchSession: typeof fetch = (...call) => fetch(...call)): TokenManager {
  return createTokenManager({
    refreshTokenIn: 'cookie',
    refresh: ({ signal }) => fetchSession('/api/session', { method: 'POST', signal }),
    revoke: ({ signal }) => fetchSession('/api/session', { method: 'DELETE', keepalive: true, signal }),
    platform: browser(),
  });
}

/** The cookie that the callback of the sign-in sets, too. */
export function cookie(refreshToken: string): string {
  return `${NAME}=${encodeURIComponent(refreshToken)}; Path=/; HttpOnly; Secure; SameSite=Strict`;
}

function readCookie(request: Request): string | undefined {
  const found = request.headers.get('cookie')?.match(new RegExp(`(?:^|; )${NAME}=([^;]*)`))?.[1];
  return found && decodeURIComponent(found);
}

/** SameSite is about sites; this is about origins. */
function isForeign(request: Request): boolean {
  return (request.headers.get('sec-fetch-site') ?? 'same-origin') !== 'same-origin';
}
