import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createProxy, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { freePort } from '../free-port.js';
import { findContentProcess } from './content-process.js';
import { serveRemoteCalls } from './remote-calls.js';
import type { LaunchOptions, Tab, TabBrowser } from './tab-browser.js';

type Send = (method: string, path: string, body?: unknown) => Promise<unknown>;
/** Runs commands in one tab; nothing else is sent meanwhile. */
type InTab = <T>(handle: string, commands: (send: Send) => Promise<T>) => Promise<T>;

const miniBrowser = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';

/** One run of the browser, and of the driver that speaks to it. */
interface Session {
  readonly driver: number;
  /** The window that is there from the start and stays empty: the session would end with the last one. */
  readonly window: string;
  readonly inTab: InTab;
  /** Set when a tab has crashed, which makes the driver give up; the other tabs live on, and can be called. */
  lost: boolean;
  /** Tabs in it, besides that window. */
  tabs: number;
  stop(): void;
}

/** WebKitGTK's MiniBrowser on a display of its own, driven over WebDriver. */
export async function launchWebKit({ name, inWindows }: LaunchOptions = {}): Promise<TabBrowser> {
  const proxy = name === undefined ? undefined : await serveName(name);
  const startSession = (): Promise<Session> => newSession(proxy ? [`--proxy=${proxy.url}`] : []);
  const sessions = [await startSession()];
  const tabs: { stop(): void }[] = [];
  const lastSession = async (): Promise<Session> => {
    const last = sessions.at(-1);
    if (last && !last.lost) return last;
    const next = await startSession();
    sessions.push(next);
    return next;
  };
  const openIn = async (session: Session, url: string): Promise<Tab> => {
    const type = inWindows ? 'window' : 'tab';
    const opened = await session.inTab(session.window, (send) => send('POST', '/window/new', { type }));
    const tab = await webKitTab(session, (opened as { handle: string }).handle, url);
    tabs.push(tab);
    return tab;
  };
  return {
    name: 'webkit',
    open: async (url) => openIn(await lastSession(), url),
    async openApart(url) {
      const session = await startSession(); // each run keeps its profile in memory
      sessions.unshift(session);
      return openIn(session, url);
    },
    async visit(url) {
      const { inTab, window } = await lastSession(); // its timers would be slow in a tab that is not seen
      await inTab(window, (send) => send('POST', '/url', { url }));
    },
    async close() {
      for (const tab of tabs) tab.stop();
      for (const session of sessions) {
        await session.inTab(session.window, (send) => send('DELETE', '')).catch(() => undefined);
        session.stop();
      }
      proxy?.close();
    },
  };
}

async function newSession(more: string[]): Promise<Session> {
  const { base, driver, stop } = await startDriver();
  const send = sendTo(base);
  const { sessionId } = (await send('POST', '/session', {
    capabilities: {
      alwaysMatch: {
        browserName: 'MiniBrowser',
        'webkitgtk:browserOptions': { binary: process.env.WEBKIT_BIN ?? miniBrowser, args: ['--automation', ...more] },
      },
    },
  })) as { sessionId: string };
  const inTab = createInTab(sendTo(`${base}/session/${sessionId}`));
  const window = String(await send('GET', `/session/${sessionId}/window`));
  return { driver, window, inTab, lost: false, tabs: 0, stop };
}

async function webKitTab(session: Session, handle: string, url: string): Promise<Tab & { stop(): void }> {
  const remote = await serveRemoteCalls();
  session.tabs++;
  const gone = (): void => {
    if (--session.tabs === 0 && session.lost) session.stop();
  };
  const inThis = <T>(commands: (send: Send) => Promise<T>): Promise<T> => session.inTab(handle, commands);
  /** Does something that leaves the page, and waits for the next one. */
  const leave = (path: string, body: object): Promise<void> =>
    inThis(async (send) => {
      const callsUrl = remote.nextPage();
      const run = (script: string, ...args: unknown[]): Promise<unknown> =>
        send('POST', '/execute/sync', { script, args });
      const departure = ++departures;
      await run('globalThis.left = arguments[0]', departure).catch(unlessGone);
      await send('POST', path, body);
      // a page that comes may go on to the next one by itself
      const isThere = 'return globalThis.left !== arguments[0] && "page" in globalThis';
      while (!(await run(isThere, departure).catch(unlessGone))) await sleep(20);
      await run(remote.script, callsUrl);
    });
  await leave('/url', { url });
  let id: number | undefined;
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    id ??= await findContentProcess(session.driver, (ms) =>
      inThis((send) =>
        send('POST', '/execute/sync', { script: `for (const end = Date.now() + ${ms}; Date.now() < end;);`, args: [] }),
      ),
    );
    process.kill(id, signal);
  };
  return {
    run: (task, ...args) => remote.call(task.toString(), args),
    click: (selector) =>
      inThis(async (send) => {
        const found = await send('POST', '/element', { using: 'css selector', value: selector });
        const [id] = Object.values(found as Record<string, string>);
        await send('POST', `/element/${id}/click`, {});
      }),
    goto: (next) => leave('/url', { url: next }),
    reload: () => leave('/refresh', {}),
    back: () => leave('/back', {}),
    forward: () => leave('/forward', {}),
    show: () => inThis(async () => undefined),
    freeze: () => kill('SIGSTOP'),
    thaw: () => kill('SIGCONT'),
    async crash() {
      await kill('SIGKILL');
      session.lost = true;
      gone();
    },
    async close() {
      if (!session.lost) await inThis((send) => send('DELETE', '/window'));
      gone();
    },
    stop: () => remote.close(),
  };
}

let departures = 0;

/** A script that meets a navigation is refused, and may be sent to the next page. */
function unlessGone(error: Error): void {
  if (/invalid session id|no such window/.test(error.message)) throw error;
}

async function startDriver(): Promise<{ base: string; driver: number; stop(): void }> {
  const children: ChildProcess[] = [];
  const start = (command: string, args: string[], stdio: StdioOptions, env: NodeJS.ProcessEnv = {}): ChildProcess => {
    // a group of its own: MiniBrowser stays behind when its session with the driver has ended
    const child = spawn(command, args, { stdio, env: { ...process.env, ...env }, detached: true });
    children.push(child);
    return child;
  };
  const stop = (): void => {
    for (const { pid } of children.splice(0).reverse()) {
      try {
        if (pid) process.kill(-pid, 'SIGKILL');
      } catch {
        // nobody of its group is left
      }
    }
  };
  const screen = ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'];
  const display = start('Xvfb', screen, ['ignore', 'ignore', 'ignore', 'pipe']);
  const [number] = await once(display.stdio[3] as Readable, 'data'); // it takes a free one, and tells it when it is ready
  for (let tries = 0; tries < 5; tries++) {
    const port = await freePort();
    const driver = start('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], 'ignore', {
      DISPLAY: `:${String(number).trim()}`,
      GDK_BACKEND: 'x11',
      LIBGL_ALWAYS_SOFTWARE: '1',
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    });
    const base = `http://127.0.0.1:${port}`;
    // it ends where somebody else has taken the port meanwhile
    while (isAlive(driver)) {
      if (await fetch(`${base}/status`).catch(() => undefined)) return { base, driver: driver.pid ?? 0, stop };
      await sleep(50);
    }
  }
  stop();
  throw new Error('WebKitWebDriver does not start.');
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

function sendTo(base: string): Send {
  return async (method, path, body) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const { value } = (await response.json()) as { value: { error?: string; message?: string } };
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  };
}

function createInTab(send: Send): InTab {
  let queue: Promise<unknown> = Promise.resolve();
  return (handle, commands) => {
    const result = queue.then(async () => {
      await send('POST', '/window', { handle });
      return commands(send);
    });
    queue = result.catch(() => undefined);
    return result;
  };
}

/** A proxy that finds this machine under a name of its own; MiniBrowser has no other way to be told of one. */
async function serveName(name: string): Promise<{ url: string; close(): void }> {
  const server = createProxy((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/');
    const options = { method: incoming.method, headers: incoming.headers };
    const host = url.hostname === name ? '127.0.0.1' : url.hostname;
    const onward = request(`http://${host}:${url.port}${url.pathname}${url.search}`, options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
