import type { SpaPage } from '../../../examples/spa/main.js';
import type { Prepared } from './prepare-page.js';

// All of this runs in the page, and sees nothing of its surroundings here.

declare const page: SpaPage;
declare const prepared: Prepared;
declare const asking: { over: boolean; readonly asked: Asked[] };
declare const announcements: number[] | undefined;

/** What a caller got, and who was signed in, as far as its tab knew, when it asked. */
export interface Asked {
  readonly before: unknown;
  readonly token?: string;
  readonly code?: string;
  /** Whom the API took the caller for. */
  readonly user?: string;
}

/** Asks for the access token and calls the API, again and again, until {@link stopAsking}. */
export function startAsking(): void {
  const state = { over: false, asked: [] as Asked[] };
  Object.assign(globalThis, { asking: state });
  const known = (): unknown => page.tokens.getSnapshot().claims?.sub;
  const ask = async (): Promise<void> => {
    const before = known();
    const answer = await page.tokens.getAccessToken().then(
      (token) => ({ token }),
      ({ code }) => ({ code: String(code) }),
    );
    state.asked.push({ before, ...answer });
  };
  const call = async (): Promise<void> => {
    const before = known();
    const response = await page.api('/api/load', { method: 'POST', body: 'x' }).catch(() => undefined);
    if (response?.ok) state.asked.push({ before, user: (await response.json()).user });
  };
  const again = async (): Promise<void> => {
    await Promise.all([ask(), call()]);
    if (!state.over) setTimeout(again, 5);
  };
  void again();
}

/** Ends it; what was asked, and got. */
export function stopAsking(): Asked[] {
  asking.over = true;
  return asking.asked;
}

/** Forgets what the page has told so far, and notes from now on when it announces something. */
export function startRound(): void {
  page.lines.length = 0;
  const moments: number[] = [];
  Object.assign(globalThis, { announcements: moments });
  if (!globalThis.BroadcastChannel) return;
  const proto = BroadcastChannel.prototype as unknown as { post?: BroadcastChannel['postMessage'] } & BroadcastChannel;
  proto.post ??= proto.postMessage;
  proto.postMessage = function (this: typeof proto, message: unknown) {
    announcements?.push(Date.now());
    this.post?.(message);
  };
}

/** Signs out after a while; the moments of its announcements. */
export async function signOutAfter(delayMs: number): Promise<number[]> {
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await page.tokens.endSession();
  return (globalThis as { announcements?: number[] }).announcements ?? [];
}

/** Signs somebody in after a while, over whoever is there; the moments of its announcements. */
export async function signInAfter(delayMs: number, user: string): Promise<number[]> {
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await page.signIn(user);
  return (globalThis as { announcements?: number[] }).announcements ?? [];
}

/** Refreshes, and tells the code of the error if that fails. */
export function refresh(): Promise<string> {
  return page.tokens.refresh().then(
    () => 'refreshed',
    ({ code }) => String(code),
  );
}

/** Asks for the access token: that, or the code of the error. */
export function askOnce(): Promise<{ token?: string; code?: string }> {
  return page.tokens.getAccessToken().then(
    (token) => ({ token }),
    ({ code }) => ({ code: String(code) }),
  );
}

/** Resolves when this user is signed in (empty: nobody), without asking for anything; what the tab has told meanwhile. */
export function follow(user: string): Promise<{ at: number; kind: string; text: string }[]> {
  return new Promise((resolve) => {
    const look = (): void => {
      const { status, claims } = page.tokens.getSnapshot();
      if (status !== (user ? 'active' : 'none') || (claims?.sub ?? '') !== user) return;
      stop();
      resolve(page.lines);
    };
    const stop = page.tokens.subscribe(() => look());
    look();
  });
}

/** What the page has told since the round began. */
export function told(): { at: number; kind: string; text: string }[] {
  return page.lines;
}

/** Everything in the storages of the origin, as text; bytes as they are, one character each. */
export async function dumpStorages(): Promise<string[]> {
  const texts = Object.entries(localStorage).map(([key, value]) => `localStorage ${key}: ${value}`);
  texts.push(...Object.entries(sessionStorage).map(([key, value]) => `sessionStorage ${key}: ${value}`));
  const show = (value: unknown): string => {
    if (value instanceof ArrayBuffer) return new TextDecoder('latin1').decode(value);
    if (ArrayBuffer.isView(value)) return new TextDecoder('latin1').decode(value);
    if (!(value instanceof Object)) return String(value);
    const members = Object.entries(value).map(([name, member]) => `${name}=${show(member)}`);
    return `${value.constructor.name}{${members.join(' ')}}`;
  };
  for (const { name = '', version } of await indexedDB.databases()) {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open(name, version);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    for (const store of database.objectStoreNames) {
      const cursor = database.transaction(store).objectStore(store).openCursor();
      await new Promise<void>((resolve, reject) => {
        cursor.onerror = () => reject(cursor.error);
        cursor.onsuccess = () => {
          if (!cursor.result) return resolve();
          texts.push(`${name}.${store} ${cursor.result.key}: ${show(cursor.result.value)}`);
          cursor.result.continue();
        };
      });
    }
    database.close();
  }
  return texts;
}

/** Whether this page was restored from the back/forward cache. */
export function isRestored(): boolean {
  return prepared.restored;
}

/** What those got who asked while the page was being shown. */
export function askedOnShow(): Prepared['onShow'] {
  return prepared.onShow as Prepared['onShow'];
}

/** Calls the API; the status of its answer. */
export function call(): Promise<number> {
  return page.call();
}

/** Signs somebody in, and gives away what the server answered, so that one knows what to look for. */
export async function signInOpenly(user: string): Promise<string> {
  const body = new URLSearchParams({ user, scope: 'openid profile', client_id: 'spa' });
  const text = await fetch('/sign-in', { method: 'POST', body }).then((response) => response.text());
  await page.tokens.startSession(JSON.parse(text));
  return text;
}

/** What the frame has reported to the page around it. */
export async function reportOfFrame(): Promise<unknown> {
  const { heard } = page as unknown as { heard: unknown[] };
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return heard[0];
}

/** From now on storages accept writes. */
export function makeRoom(): void {
  prepared.full = false;
}

/** What this page has heard, said and shown. */
export async function seen(): Promise<Record<string, unknown>> {
  const { said, lockNames, messages } = prepared;
  const { lines, tokens } = page;
  const snapshot = tokens.getSnapshot();
  const locks = await navigator.locks?.query();
  const text = document.documentElement.outerHTML;
  return { said, lockNames, messages, lines, snapshot: { ...snapshot, error: String(snapshot.error) }, locks, text };
}

/** Events with which a browser tells a page that it is back. */
export function wakeUp(types: string[]): void {
  for (const type of types) (type === 'resume' ? document : globalThis).dispatchEvent(new Event(type));
}

/** Cuts the network of this tab, which the browser tells as well, or mends it. */
export function goOffline(isOffline: boolean): void {
  page.network.isCut = isOffline;
  Object.defineProperty(navigator, 'onLine', { value: !isOffline, configurable: true });
}

/** Resolves when the access token is usable, without asking for it. */
export async function untilUsable(): Promise<void> {
  while ((page.tokens.getSnapshot().expiresAt ?? 0) < Date.now()) await new Promise((done) => setTimeout(done, 20));
}

declare const peers: (Worker | ServiceWorker)[];

/** Starts a worker, and a service worker that has this page under its control. */
export async function startWorkers(): Promise<void> {
  const all = [page.startWorker(), await page.startServiceWorker()];
  Object.assign(globalThis, { peers: all });
  while (!navigator.serviceWorker.controller) await new Promise((done) => setTimeout(done, 20));
}

/** This page, its worker and its service worker call the API at once; the statuses. */
export async function callAll(): Promise<unknown[]> {
  const [worker] = peers as [Worker];
  return Promise.all([page.call(), page.ask(worker, 'call'), fetch('/api/sw/me').then(({ status }) => status)]);
}

/** The access tokens of the workers, or the codes of their errors. */
export function askPeers(): Promise<unknown[]> {
  return Promise.all(peers.map((peer) => page.ask(peer, 'token')));
}

/** Nothing of it is left for the next test. */
export async function stopServiceWorker(): Promise<void> {
  const all = await navigator.serviceWorker.getRegistrations();
  await Promise.all(all.map((registration) => registration.unregister()));
}

/** Whether the tab is seen; where the driver of the browser cannot show it, it is told from now on that it is. */
export function beSeen(): boolean {
  const isSeen = document.visibilityState === 'visible';
  if (!isSeen) Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
  return isSeen;
}
