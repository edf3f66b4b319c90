import { isTokenError } from 'evertoken';
import type { SignInError } from 'evertoken/oauth';
import { type Line, listen } from './log.js';
import serviceWorkerUrl from './service-worker.ts?worker&url';
import {
  api,
  begin as beginSignIn,
  callResource,
  hasBackend,
  INVOICES,
  inCookie,
  isBound,
  network,
  signIn,
  signInAtBackend,
  tokens,
} from './session.js';
import workerUrl from './worker.ts?worker&url';

/** Where a sign-in in a small window ends. */
const CLOSES = '/?signed-in';

const lines: Line[] = [];
const workers: Worker[] = [];

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

function tell(line: Line): void {
  lines.push(line);
  const item = document.createElement('li');
  item.dataset.kind = line.kind;
  const time = document.createElement('time');
  time.textContent = new Date(line.at).toTimeString().slice(0, 8);
  const text = document.createElement('span');
  text.textContent = line.text;
  item.append(time, text);
  element('log').prepend(item);
}

function show(): void {
  const { status, refreshing, retryAt, issuedAt, expiresAt, sessionId, claims, error } = tokens.getSnapshot();
  const leftMs = expiresAt === undefined ? 0 : expiresAt - Date.now();
  const wholeMs = expiresAt === undefined || issuedAt === undefined ? 0 : expiresAt - issuedAt;
  const isDue = leftMs < wholeMs * 0.3;
  document.body.dataset.status = status;
  document.body.dataset.state = refreshing ? 'refreshing' : retryAt ? 'failing' : isDue ? 'due' : 'fresh';
  const nobody = error ? `Signed out (${error.code})` : 'Nobody is signed in';
  element('who').textContent =
    status === 'active' ? String(claims?.sub ?? 'Signed in') : status === 'none' ? nobody : '…';
  element('note').textContent = refreshing ? 'refreshing' : retryAt ? 'refreshing fails' : '';
  element('left').style.width = `${Math.max(0, Math.min(100, (leftMs / wholeMs) * 100 || 0))}%`;
  element('countdown').textContent = countdown(leftMs, retryAt);
  element('session-id').textContent = sessionId?.slice(0, 8) ?? '–';
  element('issued').textContent = issuedAt ? new Date(issuedAt).toTimeString().slice(0, 8) : '–';
}

function countdown(leftMs: number, retryAt: number | undefined): string {
  if (tokens.getSnapshot().status !== 'active') return '';
  const retry = retryAt ? `, next attempt in ${seconds(retryAt - Date.now())}` : '';
  return leftMs > 0 ? `expires in ${seconds(leftMs)}${retry}` : `expired${retry}`;
}

const seconds = (ms: number): string => `${Math.max(0, Math.ceil(ms / 1_000))} s`;

async function showFigures(): Promise<void> {
  const figures: Record<string, number> = await fetch('/figures').then((response) => response.json());
  for (const [name, value] of Object.entries(figures)) element(name).textContent = String(value);
}

async function call(path = '/api/me'): Promise<number> {
  const { status } = await api(path);
  return status;
}

async function callOther(resource = INVOICES): Promise<number> {
  const { status } = await callResource(resource);
  return status;
}

/** Asks a worker, and waits for its answer. */
function ask(worker: Worker | ServiceWorker, question: string): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data);
    };
    worker.postMessage(question, [port2]);
  });
}

function startWorker(): Worker {
  const worker = new Worker(workerUrl + location.search);
  workers.push(worker);
  return worker;
}

async function startServiceWorker(): Promise<ServiceWorker> {
  await navigator.serviceWorker.register(serviceWorkerUrl + location.search, { scope: '/' });
  const { active } = await navigator.serviceWorker.ready;
  return active as ServiceWorker;
}

/** The address of the authorization server's page, which comes back to {@link arrive}. */
function begin(loginHint: string): Promise<string> {
  const returnTo = location.pathname + location.search;
  return beginSignIn({ loginHint, prompt: 'login', returnTo });
}

async function enter(user: string): Promise<void> {
  if (hasBackend) await signInAtBackend(user);
  else location.assign(await begin(user));
}

/** Opens the server's page in a small window. It need not say a word to us: it is one more tab of the session. */
async function openPopup(): Promise<void> {
  // at once, because a window that is opened later is blocked
  const popup = open('about:blank', '_blank', 'width=500,height=600');
  popup?.location.replace(await beginSignIn({ loginHint: 'Ada', prompt: 'login', returnTo: CLOSES }));
}

/** When the page starts: it may be the one that the server sends the user back to. */
async function arrive(): Promise<Arrival> {
  if (hasBackend) return {};
  try {
    const done = await signIn.finish(location.href);
    if (done?.returnTo === CLOSES) close();
    if (done) history.replaceState(null, '', done.returnTo ?? '/');
    return done ? { returnTo: done.returnTo } : {};
  } catch (error) {
    const { message, code, returnTo } = error as SignInError; // or the storage failed
    tell({ at: Date.now(), kind: 'warn', text: message });
    return { code, returnTo };
  }
}

/** What came of an address: nothing where it was no callback. */
interface Arrival {
  readonly returnTo?: string | undefined;
  readonly code?: string;
}

/** The same page at the address that makes the other kind of sign-in. A session that is there goes on as it is. */
function otherBinding(): string {
  const choices = new URLSearchParams(location.search);
  if (isBound) choices.delete('dpop');
  else choices.set('dpop', '');
  return `${location.origin}/${choices.size > 0 ? `?${choices}` : ''}`;
}

async function leave(): Promise<void> {
  if (hasBackend) return tokens.endSession();
  location.assign((await signIn.end({ returnTo: location.href })) ?? '/');
}

const actions: Record<string, () => unknown> = {
  'sign-in-ada': () => enter('Ada'),
  'sign-in-bob': () => enter('Bob'),
  popup: openPopup,
  dpop: () => location.assign(otherBinding()),
  call: async () => tell({ at: Date.now(), kind: 'plain', text: `the API answered ${await call()}` }),
  invoices: async () => tell({ at: Date.now(), kind: 'plain', text: `the second API answered ${await callOther()}` }),
  burst: async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => call(`/api/${n}`)));
    tell({ at: Date.now(), kind: 'plain', text: `the API answered ${[...new Set(answers)]}, ${answers.length} times` });
  },
  refresh: () => tokens.refresh(),
  open: () => window.open(location.href, '_blank', 'noopener'),
  worker: async () => {
    const answer = await ask(startWorker(), 'call');
    tell({ at: Date.now(), kind: 'plain', text: `a worker called the API: ${answer}` });
  },
  cut: () => {
    network.isCut = !network.isCut;
    document.querySelector('[data-action=cut]')?.setAttribute('aria-pressed', String(network.isCut));
  },
  'sign-out': leave,
};

document.addEventListener('click', async ({ target }) => {
  const action = target instanceof HTMLElement ? target.dataset.action : undefined;
  try {
    await actions[action ?? '']?.();
  } catch (error) {
    tell({ at: Date.now(), kind: 'warn', text: isTokenError(error) ? error.code : String(error) });
  }
  await showFigures();
});

listen(tokens, (line) => {
  tell(line);
  showFigures().catch(() => undefined);
});
tokens.subscribe(show);
element('kept-in').textContent = inCookie
  ? 'a cookie, and IndexedDB'
  : location.search.includes('storage=local')
    ? 'localStorage'
    : isSecureContext
      ? 'IndexedDB, encrypted'
      : 'memory: no secure context';
document.querySelector('[data-action=dpop]')?.setAttribute('aria-pressed', String(isBound));
setInterval(() => {
  if (!document.hidden) show();
}, 250);
show();
showFigures().catch(() => undefined);

const arrived = arrive();

/** For the console: `page.tokens`, `await page.call()`. */
const page = {
  tokens,
  api,
  lines,
  network,
  signIn: signInAtBackend,
  begin,
  otherBinding,
  end: signIn.end,
  arrived,
  call,
  callOther,
  ask,
  startWorker,
  startServiceWorker,
};
export type SpaPage = typeof page;
Object.assign(globalThis, { page });
