/** One answer, read to its end. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON object in the body; undefined where there is none. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** How to ask for something. */
export interface RequestOptions {
  /** Milliseconds for the request and the reading of its answer. */
  readonly limitMs: number;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Headers | undefined;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Asks, and reads the answer, within its limit. Redirects are not followed: they come back as they are.
 *
 * Rejects where no answer came; with the signal's reason where the caller gave up.
 */
export async function request(url: string, options: RequestOptions): Promise<Answered> {
  const { limitMs, signal, method = 'GET', headers = new Headers(), body } = options;
  const controller = new AbortController();
  const send = options.fetch ?? globalThis.fetch;
  const abort = () => controller.abort();
  let timer: ReturnType<typeof setTimeout> | undefined;
  // A `fetch` that was given may ignore the signal.
  const given = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(limitMs)} ms`)), limitMs);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  if (signal?.aborted) throw signal.reason;
  signal?.addEventListener('abort', abort, { once: true });
  headers.set('accept', 'application/json');
  const init = { method, headers, redirect: 'manual', signal: controller.signal, ...(body !== undefined && { body }) };
  const work = async (): Promise<Answered> => {
    const response = await send(url, init as RequestInit);
    return { status: response.status, headers: response.headers, body: readObject(await response.text()) };
  };
  try {
    return await Promise.race([work(), given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    controller.abort();
  }
}

/** A JSON object, or undefined for anything else. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // without the parser's message, which quotes the text
  }
}
