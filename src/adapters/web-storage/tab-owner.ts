// Browsers copy sessionStorage when a tab is duplicated or opens a window: two tabs would then present one refresh token.
// So a tab writes an id into its sessionStorage and claims it while one of its pages is shown. A tab whose id is claimed
// by another one is a copy, and clears its sessionStorage.

/** The claims of a page, shared by all copies of this module in it. */
interface Claims {
  claim?: Promise<void> | undefined;
}

const claims = Symbol.for('evertoken.tab');
const ID = 'evertoken:tab';
/** How long a page that is being left may still hold the claim of its tab. */
const LEAVE_MS = 1_000;
const ANSWER_MS = 250;

/**
 * Resolves when sessionStorage contains only items of this tab.
 *
 * Claims with a Web Lock, or by asking over BroadcastChannel. Without both, and in frames, which share the storage of
 * their tab, a copy cannot be recognised.
 */
export async function ownTab(items: Storage): Promise<void> {
  const { window, document } = globalThis as { window?: Window; document?: Document & { prerendering?: boolean } };
  // A prerendered page may not claim an id yet.
  if (!window || window.top !== window.self || document?.prerendering) return;
  const page = globalThis as { [claims]?: Claims };
  const known = page[claims] ?? {};
  page[claims] = known;
  known.claim ??= claim(items, () => {
    known.claim = undefined;
  });
  await known.claim;
}

async function claim(items: Storage, leave: () => void): Promise<void> {
  const id = items.getItem(ID);
  if (id !== null && (await hold(id, leave))) return;
  if (id !== null) for (const key of Object.keys(items)) if (key.startsWith('evertoken:')) items.removeItem(key);
  const fresh = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`; // no secret
  items.setItem(ID, fresh);
  await hold(fresh, leave);
}

/** Claims the id until the page is left; `false` if another page has it. */
async function hold(id: string, leave: () => void): Promise<boolean> {
  const left = new Promise<void>((resolve) => {
    const onLeave = (): void => {
      leave();
      resolve();
    };
    globalThis.addEventListener('pagehide', onLeave, { once: true });
  });
  const name = `${ID}:${id}`;
  const locks = globalThis.navigator?.locks;
  return locks ? lock(locks, name, left) : ask(name, left);
}

function lock(locks: LockManager, name: string, left: Promise<void>): Promise<boolean> {
  const waiting = new AbortController();
  return new Promise((resolve) => {
    const timer = setTimeout(() => waiting.abort(), LEAVE_MS);
    const granted = (): Promise<void> => {
      clearTimeout(timer);
      resolve(true);
      return left;
    };
    // Web Locks are denied to this page: a copy cannot be recognised.
    locks.request(name, { signal: waiting.signal }, granted).catch(() => resolve(!waiting.signal.aborted));
  });
}

async function ask(name: string, left: Promise<void>): Promise<boolean> {
  if (typeof BroadcastChannel === 'undefined') return true;
  const channel = new BroadcastChannel(name);
  void left.then(() => channel.close());
  const isTaken = await new Promise<boolean>((resolve) => {
    channel.onmessage = ({ data }) => data === 'mine' && resolve(true);
    channel.postMessage('whose');
    setTimeout(() => resolve(false), ANSWER_MS);
  });
  if (isTaken) channel.close();
  else channel.onmessage = ({ data }) => data === 'whose' && channel.postMessage('mine');
  return !isTaken;
}
