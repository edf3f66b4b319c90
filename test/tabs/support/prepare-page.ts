/** What a page under test keeps for the test, besides its own `page`. */
export interface Prepared {
  /** How far the clock of this tab is ahead, in milliseconds; also after a reload. */
  ahead: number;
  /** What was written to the console, and rejections that nobody handled. */
  readonly said: string[];
  /** The names of the locks that were asked for. */
  readonly lockNames: string[];
  /** What came over the channel of the session. */
  readonly messages: unknown[];
  /** Whether the page came back from the back/forward cache. */
  restored: boolean;
  /** What callers got who asked in a listener to `pageshow` that was there before the manager's. */
  readonly onShow: { token?: string; code?: string }[];
  /** Whether storages refuse to be written to, as when they are full. */
  full: boolean;
  /** When the browser was last handed a request to the token endpoint, by its own clock; epoch milliseconds. */
  handedAt: number;
  /** Settles with the last request to the token endpoint. */
  handed: Promise<unknown>;
}

/** Puts into the document what its address asks for, before anything else runs. */
export function preparePage(html: string, url: URL): string {
  if (url.searchParams.has('framed')) return html.replace('<head>', `<head><script>(${reportToParent})()</script>`);
  if (url.searchParams.has('sandbox')) {
    const frame = `<iframe sandbox="allow-scripts" src="/?framed&backend&storage=${url.searchParams.get('storage')}"></iframe>`;
    return `<!doctype html><script>(${listenToFrame})()</script>${frame}`;
  }
  return html.replace('<head>', `<head><script>(${prepare})()</script>`);
}

// all of this runs in the page

function prepare(): void {
  const choices = new URLSearchParams(location.search);
  const prepared = {
    ahead: Number(sessionStorage.getItem('ahead') ?? choices.get('ahead') ?? 0),
    said: [] as string[],
    lockNames: [] as string[],
    messages: [] as unknown[],
    restored: false,
    onShow: [] as Prepared['onShow'],
    full: choices.has('full'),
    handedAt: 0,
    handed: Promise.resolve() as Promise<unknown>,
  };
  Object.assign(globalThis, { prepared });
  const now = Date.now;
  Date.now = () => now() + prepared.ahead;
  const send = globalThis.fetch;
  globalThis.fetch = (...all) => {
    const sending = send(...all);
    if (/\/token$/.test(String(all[0]))) Object.assign(prepared, { handedAt: now(), handed: sending.catch(() => {}) });
    return sending;
  };
  const write = (...all: unknown[]): void => {
    prepared.said.push(all.map((one) => `${(one as Error)?.stack ?? one} ${JSON.stringify(one)}`).join(' '));
  };
  for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) console[name] = write;
  addEventListener('unhandledrejection', ({ reason }) => write('unhandled', reason));
  addEventListener('error', ({ message }) => write('error', message));
  addEventListener('pageshow', ({ persisted }) => {
    prepared.restored = persisted;
    if (!persisted) return; // a refresh of the page's own accord would be in the way of the other tests
    const { page } = globalThis as unknown as { page?: import('../../../examples/spa/main.js').SpaPage };
    page?.tokens.getAccessToken().then(
      (token) => prepared.onShow.push({ token }),
      ({ code }) => prepared.onShow.push({ code }),
    );
  });
  if (choices.has('no-channel')) Object.defineProperty(globalThis, 'BroadcastChannel', { value: undefined });
  else
    new BroadcastChannel(`evertoken:spa@${location.origin}/token`).onmessage = ({ data }) =>
      prepared.messages.push(data);
  if (choices.has('no-locks')) Object.defineProperty(navigator, 'locks', { value: undefined });
  if (choices.has('no-idb')) Object.defineProperty(globalThis, 'indexedDB', { value: undefined });
  const refuseWhileFull = (target: object, name: string): void => {
    const write = Reflect.get(target, name);
    Reflect.set(target, name, function (this: unknown, ...all: unknown[]) {
      if (prepared.full) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      return write.apply(this, all);
    });
  };
  if (choices.has('full')) {
    refuseWhileFull(IDBObjectStore.prototype, 'put');
    refuseWhileFull(Storage.prototype, 'setItem');
  }
  const request = navigator.locks?.request;
  if (request) {
    navigator.locks.request = function (this: LockManager, ...all: unknown[]) {
      prepared.lockNames.push(String(all[0]));
      return request.apply(this, all as never);
    } as typeof request;
  }
}

function listenToFrame(): void {
  const heard: unknown[] = [];
  addEventListener('message', ({ data }) => heard.push(data));
  Object.assign(globalThis, { page: { heard } });
}

function reportToParent(): void {
  const look = async (): Promise<void> => {
    const { page } = globalThis as unknown as { page?: import('../../../examples/spa/main.js').SpaPage };
    if (!page) {
      setTimeout(look, 20);
      return;
    }
    const ask = (): Promise<string> =>
      page.tokens.getAccessToken().then(
        () => 'a token',
        ({ code }) => String(code),
      );
    const before = [await ask(), await ask()];
    await page.signIn('Ada');
    const after = [await ask(), String(await page.call())];
    parent.postMessage({ before, after, texts: page.lines.map(({ text }) => text) }, '*');
  };
  void look();
}
