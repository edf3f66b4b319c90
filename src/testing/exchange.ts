import type { Proof } from './proofs.js';

/** A request as it arrived, whichever way it came. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** The DPoP proof, where there is one that is looked at. */
  readonly proof?: Proof | undefined;
  /** The refresh token in the cookie, where there is one. */
  readonly cookie: string | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal | undefined;
}

/** An answer, before it is a `Response` or bytes on a socket. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The refresh token to put into the cookie; null to clear it. */
  readonly cookie?: string | null;
}

/** What becomes of a request: an answer, or a connection that breaks. */
export type Outcome = Answer | 'dropped';

/** An answer with a JSON body that must not be cached (RFC 6749 section 5.1). */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
    body: JSON.stringify(value),
  };
}

/** A refusal as in RFC 6749 section 5.2. */
export function refusal(
  status: number,
  error: string,
  description: string,
  headers: Record<string, string> = {},
): Answer {
  return json(status, { error, error_description: description }, headers);
}

/** Sends a browser elsewhere. */
export function redirect(location: string): Answer {
  return { status: 302, headers: { Location: location, 'Cache-Control': 'no-store' }, body: '' };
}

/** A page that a user sees; `content` is HTML. */
export function page(title: string, content: string): Answer {
  const body = `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${content}</p>`;
  return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }, body };
}

/** The parameters of a form; undefined when the body is none. */
export function readParameters({ headers, body }: Exchange): URLSearchParams | undefined {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  return type === 'application/x-www-form-urlencoded' ? new URLSearchParams(new TextDecoder().decode(body)) : undefined;
}

/** The same, of a parameter named twice the last. */
export function readForm(exchange: Exchange): Record<string, string> | undefined {
  const parameters = readParameters(exchange);
  return parameters && Object.fromEntries(parameters);
}

/** The nonce inside a DPoP proof; undefined when there is no proof or it cannot be read. */
export function readDpopNonce(headers: Headers): unknown {
  try {
    const payload = headers.get('dpop')?.split('.')[1] ?? '';
    return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))).nonce;
  } catch {
    return undefined;
  }
}
