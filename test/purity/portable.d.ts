// The globals that every supported runtime has: browsers, Node, Deno, Bun, workers, React Native on any Hermes.
// Written by hand and kept short: a name is added only when all of them have it. Left out on purpose are
// AbortSignal.any, .timeout, .throwIfAborted, DOMException, structuredClone, crypto, BroadcastChannel, navigator,
// document, storage, streams, TextEncoder, atob, reportError, performance, and all timers (there is a Clock for those).
// A name that only some have is reached by a cast that says so:
// `(globalThis as { reportError?: (error: unknown) => void }).reportError?.(error)`.

interface AbortSignal {
  readonly aborted: boolean;
  /** Missing before Node 17.2 and React Native 0.87. */
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
declare var AbortController: { new (): AbortController };

interface Headers {
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(visit: (value: string, name: string) => void): void;
}
type HeadersInit = Headers | Record<string, string> | [string, string][];
declare var Headers: { new (init?: HeadersInit): Headers };

interface Blob {
  readonly size: number;
  readonly type: string;
}
declare var Blob: { new (parts?: (string | Blob)[], options?: { type?: string }): Blob };
interface FormData {
  append(name: string, value: string): void;
}
declare var FormData: { new (): FormData };
type BodyInit = string | ArrayBuffer | ArrayBufferView | Blob | FormData | URLSearchParams;

interface Response {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly bodyUsed: boolean;
  /** Undefined in React Native, which has no streams. */
  readonly body?: { cancel(): Promise<void> } | null;
  clone(): Response;
  blob(): Promise<Blob>;
  text(): Promise<string>;
  json(): Promise<unknown>;
}
declare var Response: { new (body?: BodyInit | null, init?: { status?: number; headers?: HeadersInit }): Response };

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  signal?: AbortSignal | null;
  credentials?: 'include' | 'omit' | 'same-origin';
  redirect?: 'follow' | 'error' | 'manual';
  keepalive?: boolean;
}
interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly bodyUsed: boolean;
  /** Undefined in React Native, which has no streams. */
  readonly body?: { cancel(): Promise<void> } | null;
  clone(): Request;
}
type RequestInfo = Request | string;
declare var Request: { new (input: RequestInfo | URL, init?: RequestInit): Request };
declare function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

// React Native's own is lenient: it accepts what a browser refuses
interface URL {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
}
declare var URL: { new (url: string | URL, base?: string | URL): URL };

interface URLSearchParams {
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  toString(): string;
}
declare var URLSearchParams: { new (init?: string | Record<string, string>): URLSearchParams };

declare var console: { error(...data: unknown[]): void };

declare function queueMicrotask(task: () => void): void;
