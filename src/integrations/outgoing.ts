import { redact } from '../core/redact.js';
import { optionError, type Target } from './origins.js';

type Arguments = Parameters<typeof fetch>;
type Init = NonNullable<Arguments[1]>;
type Body = NonNullable<Init['body']>;

/** Puts an access token on the headers of a request. */
export type Authorize = (headers: Headers, accessToken: string) => void;

/** A request as it was at the moment of the call; it can be sent with a token, and sent again with another. */
export interface Outgoing {
  readonly signal: AbortSignal | undefined;
  /** The body is a stream: it is neither buffered nor sent twice. */
  readonly isOneShot: boolean;
  /** Resolves when the body can be sent; undefined when it already can. */
  readonly ready: Promise<void> | undefined;
  readonly target: Target;
  readonly authorize: Authorize | undefined;
  readonly goal: Arguments[0];
  readonly init: Init;
  /** What the caller gave. */
  readonly headers: Headers;
  /** A clone for a replay; null if the body was already read, so that `fetch` will reject. */
  spare: Request | undefined | null;
}

/**
 * Takes a request as it is at the moment of the call, as `fetch` does, however long the token takes.
 *
 * `target` is what was found to be allowed, absolute: a URL object or the base of the document may lead elsewhere by the
 * time it is sent. Undefined where the caller has set an `Authorization` header of its own, which must not be overwritten, or where `fetch`
 * is going to refuse the arguments.
 */
export function prepare(
  input: Arguments[0],
  given: Arguments[1],
  target: Target,
  authorize: Authorize | undefined,
): Outgoing | undefined {
  if (given !== undefined && typeof given !== 'object') return undefined;
  const request = isRequest(input) ? input : undefined;
  const init = members(given);
  if (request && Object.values(init).every((value) => value === undefined)) {
    // `fetch` drops them from a Request if `init` is not empty, as it will be here.
    const { referrer, referrerPolicy } = request as { referrer?: string; referrerPolicy?: string };
    Object.assign(init, { referrer, referrerPolicy });
  }
  const own = init.headers ?? request?.headers;
  const headers = new Headers(own);
  if (own && !authorize && headers.has('authorization')) return undefined;
  const body = init.body ?? undefined;
  const spare = request && body === undefined ? cloneWithBody(request) : undefined;
  // a string cannot change, so it needs no copy
  const isObject = typeof body === 'object';
  if (isObject) init.body = copy(body);
  const form = isObject && isA(body, 'FormData') ? readForm(body as FormData) : undefined;
  // A keepalive request must be sent at once: the page may be closing.
  const isLast = init.keepalive ?? (request as Init | undefined)?.keepalive;
  if (form && isLast) init.body = copyForm(body as FormData);
  return {
    // As for `fetch`, null removes the request's own signal.
    signal: (init.signal === undefined ? request?.signal : init.signal) ?? undefined,
    isOneShot: (isObject && isStream(body)) || (spare === null && request?.body !== null),
    ready: form && !isLast ? serialize(form, headers, init) : undefined,
    target,
    authorize,
    goal: request ?? target.url,
    init,
    headers,
    spare,
  };
}

/** Puts an access token on what is going to be sent, in place of the one before. Throws `OptionsError`, `ERR_OPTIONS`. */
export function sign(outgoing: Outgoing, accessToken: string, isReplay: boolean): void {
  const { goal, init, headers, authorize } = outgoing;
  const sent = isReplay || authorize ? new Headers(headers) : headers;
  init.headers = sent;
  if (accessToken === '') {
    // The token is in a cookie. The default `credentials` of a Request is 'same-origin'.
    const { credentials = 'same-origin' } = goal as { credentials?: string };
    if (credentials === 'same-origin') init.credentials ??= 'include';
  } else if (authorize) {
    putOn(authorize, sent, accessToken);
    // On a redirect to another origin, `fetch` removes only the `Authorization` header.
    const { redirect = 'follow' } = goal as { redirect?: string };
    sent.forEach((value, name) => {
      if (name !== 'authorization' && value !== headers.get(name) && redirect === 'follow') init.redirect ??= 'manual';
    });
  } else {
    sent.set('authorization', `Bearer ${accessToken}`);
  }
}

function putOn(authorize: Authorize, headers: Headers, accessToken: string): void {
  let problem = 'a promise came';
  try {
    const result: unknown = authorize(headers, accessToken);
    if (!(result instanceof Promise)) return;
    result.catch(() => undefined); // no unhandled rejection in the console
  } catch (error) {
    problem = describe(error, accessToken);
  }
  throw optionError('authorize', 'the access token to be put on at once', problem);
}

/** What a function of the application threw, without the access token. */
export function describe(error: unknown, accessToken: string): string {
  try {
    return `it threw: ${redact(String((error as Error | undefined)?.message ?? error), [accessToken])}`;
  } catch {
    return 'it threw'; // the error cannot be read
  }
}

/** Cancels a body that will not be read; that of node-fetch is a Node stream. */
export function letGo(body: Response['body'] | undefined): void {
  const stream = body as { cancel?(): Promise<void>; destroy?(): unknown } | null | undefined;
  void stream?.cancel?.().catch(() => undefined);
  stream?.destroy?.();
}

/** The URL of whatever `fetch` takes. */
export function urlOf(input: Arguments[0]): string {
  return isRequest(input) ? input.url : String(input);
}

// `fetch` also reads inherited members: a Request may be used as `init`, and its members are on its prototype.
function members(given: Arguments[1]): Init {
  const copied: Record<string, unknown> = { ...given };
  if (given && Object.getPrototypeOf(given) !== Object.prototype) {
    for (const name in given) copied[name] = given[name as keyof typeof given];
  }
  return copied;
}

// A Request of another realm or library is recognised by its tag; in React Native it has none.
function isRequest(input: Arguments[0]): input is Request {
  return typeof input === 'object' && (isA(input, 'Request') || input instanceof Request);
}

// A body can be read once; null if it was already read, so that `fetch` will reject.
function cloneWithBody(request: Request): Request | undefined | null {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  try {
    return request.clone();
  } catch {
    return null;
  }
}

// Copies what the caller may change during the wait for a token; a string or a Blob cannot change.
function copy(body: Body): Body {
  if (isA(body, 'URLSearchParams')) return new URLSearchParams(String(body));
  if (isA(body, 'ArrayBuffer')) return (body as ArrayBuffer).slice(0);
  if (!ArrayBuffer.isView(body)) return body;
  return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength).slice();
}

// A form as a body of this runtime. Undefined where it goes on as it is: React Native sends its forms natively, and that
// of another library, which the `fetch` that was given may know, would become a text.
function readForm(form: FormData): Response | undefined {
  try {
    const made = new Response(form);
    return /^multipart/.test(made.headers.get('content-type') ?? '') ? made : undefined;
  } catch {
    return undefined;
  }
}

function copyForm(form: FormData): FormData {
  const copied = new FormData();
  for (const [name, value] of form as unknown as Iterable<[string, string]>) copied.append(name, value);
  return copied;
}

// Each sending of a FormData uses a new boundary, so it is serialised once to send the same bytes twice.
async function serialize(made: Response, headers: Headers, init: Init): Promise<void> {
  init.body = await made.blob();
  if (!headers.has('content-type')) headers.set('content-type', String(made.headers.get('content-type')));
}

/** Whether a body can be read only once. */
// The package form-data makes a legacy Node stream.
export function isStream(body: object): boolean {
  return 'getReader' in body || Symbol.asyncIterator in body || 'pipe' in body;
}

function isA(value: unknown, type: string): boolean {
  return Object.prototype.toString.call(value) === `[object ${type}]`;
}
