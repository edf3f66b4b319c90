type Arguments = Parameters<typeof fetch>;
type Init = NonNullable<Arguments[1]>;
type Body = NonNullable<Init['body']>;

/** A request as it was at the moment of the call; it can be sent with a token, and sent again with another. */
export interface Outgoing {
  readonly signal: AbortSignal | undefined;
  /** The body is a stream: it is neither buffered nor sent twice. */
  readonly isOneShot: boolean;
  /** Resolves when the body can be sent; undefined when it already can. */
  readonly ready: Promise<void> | undefined;
  readonly goal: Arguments[0];
  readonly init: Init;
  /** What the caller gave. */
  readonly headers: Headers;
  /** The request once more, for a replay; null where its body was read already, and `fetch` will say so. */
  spare: Request | undefined | null;
}

/**
 * Takes a request as it is at the moment of the call, as `fetch` does, however long the token takes.
 *
 * `url` is what was found to be allowed, absolute: a URL object or the base of the document may lead elsewhere by the
 * time it is sent. Undefined where the caller has set an `Authorization` header, or `fetch` is going to refuse the arguments.
 */
export function prepare(input: Arguments[0], given: Arguments[1], url: string): Outgoing | undefined {
  if (typeof (given ?? {}) !== 'object') return undefined;
  const request = isRequest(input) ? input : undefined;
  const init = members(given);
  if (request && Object.values(init).every((value) => value === undefined)) {
    // fetch forgets them where init is not empty, as ours is going to be
    const { referrer, referrerPolicy } = request as { referrer?: string; referrerPolicy?: string };
    Object.assign(init, { referrer, referrerPolicy });
  }
  const own = init.headers ?? request?.headers;
  const headers = new Headers(own);
  if (own && headers.has('authorization')) return undefined;
  const body = init.body ?? undefined;
  const spare = request && body === undefined ? cloneWithBody(request) : undefined;
  // a string cannot change
  const isObject = typeof body === 'object';
  if (isObject) init.body = copy(body);
  return {
    // null, as for `fetch`, lets go of the request's own signal
    signal: (init.signal === undefined ? request?.signal : init.signal) ?? undefined,
    isOneShot: (isObject && isStream(body)) || (spare === null && request?.body !== null),
    ready: isObject && isA(body, 'FormData') ? serialize(body as FormData, headers, init) : undefined,
    goal: request ?? url,
    init,
    headers,
    spare,
  };
}

/** Puts a token on what is going to be sent, in place of the one before; the caller's own headers stay as they are. */
export function sign(outgoing: Outgoing, token: string, headers: Headers = new Headers(outgoing.headers)): void {
  headers.set('authorization', `Bearer ${token}`);
  outgoing.init.headers = headers;
}

/** Lets go of a body that nobody is going to read; that of node-fetch is a stream of Node. */
export function letGo(body: Response['body'] | undefined): void {
  const stream = body as { cancel?(): Promise<void>; destroy?(): unknown } | null | undefined;
  void stream?.cancel?.().catch(() => undefined);
  stream?.destroy?.();
}

/** The URL of whatever `fetch` takes. */
export function urlOf(input: Arguments[0]): string {
  return isRequest(input) ? input.url : String(input);
}

// `fetch` also reads what is inherited: a Request may serve as init, and has its members from its prototype.
function members(given: Arguments[1]): Init {
  const copied: Record<string, unknown> = { ...given };
  if (given && Object.getPrototypeOf(given) !== Object.prototype) {
    for (const name in given) copied[name] = given[name as keyof typeof given];
  }
  return copied;
}

// Of another page or library it is told by its tag; in React Native it has none.
function isRequest(input: Arguments[0]): input is Request {
  return typeof input === 'object' && (isA(input, 'Request') || input instanceof Request);
}

// A request's body can be read once; null where it was read already, and `fetch` will say so.
function cloneWithBody(request: Request): Request | undefined | null {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  try {
    return request.clone();
  } catch {
    return null;
  }
}

// What the caller may change while we wait for a token is copied; a string or a Blob cannot change.
function copy(body: Body): Body {
  if (isA(body, 'URLSearchParams')) return new URLSearchParams(String(body));
  if (isA(body, 'ArrayBuffer')) return (body as ArrayBuffer).slice(0);
  if (!ArrayBuffer.isView(body)) return body;
  return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength).slice();
}

// Each sending of a FormData draws another boundary: to send the same bytes twice, they are made once.
async function serialize(form: FormData, headers: Headers, init: Init): Promise<void> {
  try {
    const made = new Response(form);
    const type = made.headers.get('content-type');
    if (!type) return; // React Native sends its forms natively
    init.body = await made.blob();
    if (!headers.has('content-type')) headers.set('content-type', type);
  } catch {
    // the runtime cannot: the form itself is sent
  }
}

function isStream(body: object): boolean {
  return 'getReader' in body || Symbol.asyncIterator in body;
}

function isA(value: unknown, type: string): boolean {
  return Object.prototype.toString.call(value) === `[object ${type}]`;
}
