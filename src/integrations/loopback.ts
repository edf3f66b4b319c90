import type { BeginOptions } from './oauth/begin.js';
import { BEGIN_NAMES } from './oauth/begin-names.js';
import { readReturnTo } from './oauth/return-to.js';
import type { SignIn } from './oauth/sign-in.js';
import { SignInError } from './oauth/sign-in-error.js';
import { checkNames, refuse } from './origins.js';

export { SignInError, type SignInErrorCode } from './oauth/sign-in-error.js';

/** How to sign in on this machine; everything that `begin` takes as well. */
export interface LoopbackSignInOptions extends Omit<BeginOptions, 'redirectUri' | 'returnTo'> {
  /** Opens the user's browser, or shows them the address. What it returns is not waited for; a rejection ends the sign-in. Required. */
  open(url: string): unknown;
  /** Where the browser comes back to. Default `127.0.0.1`; `localhost` listens on both families. */
  host?: '127.0.0.1' | '[::1]' | 'localhost' | undefined;
  /** Default a free one, which servers accept for loopback addresses (RFC 8252 section 7.3). */
  port?: number | undefined;
  /** Default `/callback`. */
  path?: string | undefined;
  /** The page that the user sees at the end, as HTML; it should load nothing. Default a sentence. */
  page?: ((ok: boolean) => string) | undefined;
  /** Milliseconds. Default 300 000. */
  timeoutMs?: number | undefined;
  /** Frees the port at once; rejects with the signal's own reason. */
  signal?: AbortSignal | undefined;
}

/** The used part of `node:http`. */
interface Exchange {
  readonly request: { readonly method?: string | undefined; readonly url?: string | undefined };
  reply(status: number, html: string): Promise<void>;
}
interface Listener {
  readonly port: number;
  close(): void;
}

const OPTIONS = ['open', 'host', 'port', 'path', 'page', 'timeoutMs', 'signal', ...BEGIN_NAMES.slice(2)];
const TIMEOUT_MS = 300_000;
const ADDRESSES = { '127.0.0.1': ['127.0.0.1'], '[::1]': ['::1'], localhost: ['127.0.0.1', '::1'] } as const;
/** Errors of an address family that this machine does not have; one family is enough. */
const NO_FAMILY = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENETUNREACH'];
/** A free port of one family may be taken in the other. */
const TRIES = 10;

/**
 * Signs in on this machine: opens a browser and listens on a loopback port for its return (RFC 8252).
 *
 * For Node, Bun and Deno. Resolves when the session is started and the user has been told. Other requests than the
 * callback of this sign-in are refused and end nothing. The port is free again whatever happens.
 *
 * @throws {SignInError} as `begin` and `finish`; `ERR_SIGN_IN_CANCELLED` after `timeoutMs`
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * await loopbackSignIn(signIn, { open: (url) => console.log(`Sign in at ${url}`) });
 */
export async function loopbackSignIn(signIn: SignIn, options: LoopbackSignInOptions): Promise<void> {
  const {
    open,
    host = '127.0.0.1',
    port = 0,
    path = '/callback',
    page = defaultPage,
    ...rest
  } = Object(options) as LoopbackSignInOptions;
  const { timeoutMs = TIMEOUT_MS, signal, ...asked } = rest;
  checkNames(options, OPTIONS);
  if (typeof signIn?.begin !== 'function') refuse('signIn', 'what createSignIn() gave', signIn);
  if (typeof open !== 'function') refuse('open', 'a function', open);
  if (!Object.hasOwn(ADDRESSES, host)) refuse('host', Object.keys(ADDRESSES).join(' or '), host);
  if (/[?#]/.test(path) || readReturnTo(path) !== path) refuse('path', 'a path such as /callback', path);
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) refuse('timeoutMs', 'milliseconds', timeoutMs);
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) refuse('port', 'a port, or 0 for a free one', port);
  if (typeof page !== 'function') refuse('page', 'a function', page);
  if (signal?.aborted) throw signal.reason;

  let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ended.catch(() => undefined); // it may reject before it is awaited
  let origin = '';

  async function handle({ request, reply }: Exchange): Promise<void> {
    const { method, url = '/' } = request;
    if (url.split('?')[0] !== path) return reply(404, page(false));
    if (method !== 'GET') return reply(405, page(false));
    try {
      // `returnTo` identifies this sign-in; the callback of another one is ignored.
      const done = await signIn.finish(origin + url);
      if (done?.returnTo !== path) return await reply(400, page(false));
      await reply(200, page(true));
      settle?.resolve();
    } catch (error) {
      await reply(400, page(false));
      const { code } = Object(error) as { code?: string };
      if (code !== 'ERR_SIGN_IN_UNKNOWN') settle?.reject(error);
    }
  }

  const listener = await listenOn(ADDRESSES[host], port, (exchange) => void handle(exchange).catch(settle?.reject));
  const give = () => settle?.reject(signal?.reason);
  const timer = setTimeout(() => {
    const message = `Expected the user to sign in within ${timeoutMs} ms, but nobody came back; begin again.`;
    settle?.reject(new SignInError('ERR_SIGN_IN_CANCELLED', message, { again: 'begin' }));
  }, timeoutMs);
  signal?.addEventListener('abort', give, { once: true });
  try {
    if (signal?.aborted) throw signal.reason;
    origin = `http://${host}:${listener.port}`;
    const url = await Promise.race([signIn.begin({ ...asked, redirectUri: origin + path, returnTo: path }), ended]);
    Promise.resolve(open(String(url))).catch((error) => settle?.reject(error));
    await ended;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
    listener.close();
  }
}

/** Listens on one port of all these addresses, or of those that this machine has. */
async function listenOn(
  addresses: readonly string[],
  wanted: number,
  handle: (exchange: Exchange) => void,
): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    const open: Listener[] = [];
    const close = () => {
      for (const listener of open) listener.close();
    };
    try {
      for (const address of addresses) {
        const port = open[0]?.port ?? wanted;
        const listener = await listenOnOne(address, port, handle).catch((error) => {
          const isMissing = addresses.length > 1 && NO_FAMILY.includes(error?.code);
          if (isMissing) return undefined;
          throw error;
        });
        if (listener) open.push(listener);
      }
      const [first] = open;
      if (first) return { port: first.port, close };
      throw new Error('Expected a loopback interface, but this machine has none.');
    } catch (error) {
      close();
      const { code } = Object(error) as { code?: string };
      const mayDiffer = wanted === 0 && addresses.length > 1 && code === 'EADDRINUSE';
      if (!mayDiffer || attempt === TRIES) throw error;
    }
  }
}

async function listenOnOne(address: string, port: number, handle: (exchange: Exchange) => void): Promise<Listener> {
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => {
    const reply = (status: number, html: string) =>
      new Promise<void>((sent) => {
        response.once('close', sent);
        response.writeHead(status, {
          'Content-Type': 'text/html; charset=utf-8',
          'Cache-Control': 'no-store',
          'Referrer-Policy': 'no-referrer',
          'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
          Connection: 'close',
        });
        response.end(html);
      });
    handle({ request, reply });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function defaultPage(ok: boolean): string {
  const text = ok ? 'You are signed in. You can close this window.' : 'This did not sign you in.';
  return `<!doctype html><meta charset="utf-8"><title>${text}</title><p>${text}</p>`;
}
