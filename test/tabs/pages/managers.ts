import { createTokenManager, type RefreshTokens, type TokenManager, type TokenResponse } from '../../../src/index.js';
import { browser } from '../../../src/presets/browser.js';
import { webStorage } from '../../../src/presets/web-storage.js';

// Managers by the hundred in one page, and what is left of them.

const listeners = new Set<string>();
const channels = new Set<BroadcastChannel>();
const timers = new Set<unknown>();
let ids = 0;

/** Counts what is added and not removed. */
function watch(target: EventTarget): void {
  const { addEventListener: add, removeEventListener: remove } = target;
  const names = new WeakMap<object, number>();
  const name = (type: string, listener: object, capture: unknown): string => {
    if (!names.has(listener)) names.set(listener, ++ids);
    return `${type} ${names.get(listener)} ${capture === true}`;
  };
  target.addEventListener = (type: string, listener: never, options?: boolean | AddEventListenerOptions) => {
    const entry = name(type, listener, options);
    listeners.add(entry);
    if (typeof options === 'object') options.signal?.addEventListener('abort', () => listeners.delete(entry));
    add.call(target, type, listener, options);
  };
  target.removeEventListener = (type: string, listener: never, options?: boolean | EventListenerOptions) => {
    listeners.delete(name(type, listener, options));
    remove.call(target, type, listener, options);
  };
}
watch(globalThis as unknown as EventTarget);
watch(document);

const Channel = BroadcastChannel;
globalThis.BroadcastChannel = class extends Channel {
  constructor(name: string) {
    super(name);
    channels.add(this);
  }
  override close(): void {
    channels.delete(this);
    super.close();
  }
};

const { setTimeout: set, clearTimeout: clear } = globalThis;
Object.assign(globalThis, {
  setTimeout: (task: () => void, delayMs?: number) => {
    const id = set(() => {
      timers.delete(id);
      task();
    }, delayMs);
    timers.add(id);
    return id;
  },
  clearTimeout: (id: number) => {
    timers.delete(id);
    clear(id);
  },
});

let requests = 0;
const refresh: RefreshTokens = async () => {
  requests++;
  await new Promise((resolve) => set(resolve, 20));
  return response();
};
const response = (): TokenResponse => ({
  access_token: `access-${requests}`,
  refresh_token: `refresh-${requests}`,
  token_type: 'Bearer',
  expires_in: 3_600,
});

/** A manager whose clock is so far ahead. */
function create(storage: string, aheadMs = 0): TokenManager {
  const platform = storage === 'local' ? browser({ storage: webStorage('local') }) : browser();
  const { now } = platform.clock;
  return createTokenManager({
    refresh,
    platform: { ...platform, clock: { ...platform.clock, now: () => now() + aheadMs } },
  });
}

const page = {
  async signIn(storage: string): Promise<void> {
    const tokens = create(storage);
    await tokens.startSession(response());
    tokens.dispose();
  },
  /** Creates, uses and disposes so many, a few at once; how many of them are still in memory, where that can be told. */
  async churn(storage: string, count: number): Promise<number | undefined> {
    const refs: WeakRef<object>[] = [];
    const use = async (index: number): Promise<void> => {
      const tokens = create(storage);
      refs.push(new WeakRef(tokens));
      tokens.subscribe(() => undefined);
      tokens.on('refreshed', () => undefined);
      await tokens.getAccessToken();
      if (index % 20 === 0) await tokens.refresh();
      tokens.dispose();
    };
    for (let done = 0; done < count; done += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => use(done + index)));
    }
    const { gc } = globalThis as { gc?: () => void };
    if (!gc) return undefined;
    for (let times = 0; times < 3; times++) {
      await new Promise((resolve) => set(resolve, 100));
      gc();
    }
    return refs.filter((ref) => ref.deref()).length;
  },
  /** What is left; each name only where something is. */
  async left(): Promise<string[]> {
    const { held = [], pending = [] } = await navigator.locks.query();
    return [
      ...[...held, ...pending].map(({ name }) => `lock ${name}`),
      ...[...channels].map(({ name }) => `channel ${name}`),
      ...[...listeners].map((entry) => `listener ${entry}`),
      ...[...timers].map(() => 'timer'),
    ];
  },
  /** Creates, uses, disposes, creates and uses in one tick, as StrictMode does, when the access token has expired. */
  async createTwice(storage: string, isDisposed: boolean, aheadMs: number): Promise<[number, unknown[]]> {
    const before = requests;
    const ask = (tokens: TokenManager): Promise<unknown> => tokens.getAccessToken().catch(({ code }) => code);
    const first = create(storage, aheadMs);
    const one = ask(first);
    if (isDisposed) first.dispose();
    const second = create(storage, aheadMs);
    const answers = await Promise.all([one, ask(second)]);
    first.dispose();
    second.dispose();
    return [requests - before, answers];
  },
};

export type ManagersPage = typeof page;
Object.assign(globalThis, { page });
