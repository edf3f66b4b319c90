import type { Platform } from '../src/index.js';
import { type AuthServer, createAuthServer, type FakeClock, fakeClock, type Peer, peers } from '../src/testing.js';
import type { Client, ClientParts, Look } from './client.js';
import { seeded } from './random.js';

const TAB_COUNT = 4;
const LIFETIME_MS = 120_000;
const CALL_EVERY_MS = 10_000;
const ANSWER_MS = 250;
const SIGN_IN_AGAIN_MS = 60_000;
const RELOAD_MS = 5_000;
const KEPT = 400;

/** What can be wrong with the world for a while. */
export const SWITCHES = ['outage', 'lost', 'limited', 'slow', 'clock', 'frozen', 'grace'] as const;
export type Switch = (typeof SWITCHES)[number];

/** What can happen at one moment. */
export const ACTIONS = ['crash', 'signOut', 'sleep'] as const;
export type Action = (typeof ACTIONS)[number];

/** One request, as the server's list shows it. */
export interface Sent {
  readonly at: number;
  readonly tab: number;
  readonly path: string;
  /** The status, `lost` where no answer came, undefined while it is on its way. */
  status: number | 'lost' | undefined;
}

/** Something that happened in a tab. */
export interface Told {
  readonly at: number;
  readonly tab: number;
  readonly type: string;
  readonly sentence: string;
}

/** What the scorecard compares. */
export interface Score {
  calls: number;
  /** Requests to the token endpoint. */
  tokenRequests: number;
  /** Calls that the API refused with 401. */
  refused: number;
  /** Calls that took longer than an answer does. */
  waited: number;
  /** Calls that the application got no good answer to. */
  failed: number;
  /** Calls that were not even made, because the user has to sign in again after an accident. */
  turnedAway: number;
  /** Sessions that ended although nobody had asked for that. */
  accidents: number;
}

/** One world: four tabs of one browser, their server, and whoever keeps the tokens. */
export interface Run {
  readonly clock: FakeClock;
  readonly score: Readonly<Score>;
  readonly sent: readonly Sent[];
  readonly told: readonly Told[];
  set(name: Switch, on: boolean): void;
  act(action: Action, tab?: number): void;
  setFrozen(tab: number, frozen: boolean): void;
  advance(ms: number): Promise<void>;
  look(): (Look & { readonly state: Peer['state'] })[];
}

/** Everything that one run consists of; its parts share it. */
interface World {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  readonly random: () => number;
  readonly tabs: Peer[];
  readonly clients: Client[];
  readonly on: Record<Switch, boolean>;
  readonly score: Score;
  readonly sent: Sent[];
  readonly told: Told[];
  /** Why the user is about to sign in again. */
  signedOut: 'wanted' | 'accident' | undefined;
  readonly make: (parts: ClientParts) => Client;
}

/** Starts a world in which somebody signs in; the same for the same seed. */
export function createRun(seed: number, make: (parts: ClientParts) => Client): Run {
  const clock = fakeClock(Date.UTC(2026, 0, 1, 9));
  const random = seeded(seed);
  const world: World = {
    clock,
    server: createAuthServer({ clock, random: seeded(seed + 1), accessTokenLifetimeMs: LIFETIME_MS, keepRequests: 5 }),
    random,
    tabs: peers(TAB_COUNT, { clock, random: seeded(seed + 2) }),
    clients: [],
    on: { outage: false, lost: false, limited: false, slow: false, clock: false, frozen: false, grace: false },
    score: { calls: 0, tokenRequests: 0, refused: 0, waited: 0, failed: 0, turnedAway: 0, accidents: 0 },
    sent: [],
    told: [],
    signedOut: undefined,
    make,
  };
  world.server.always(() => answerOf(world));
  for (let tab = 0; tab < TAB_COUNT; tab++) openTab(world, tab);
  signIn(world);
  return {
    clock,
    score: world.score,
    sent: world.sent,
    told: world.told,
    set: (name, on) => setSwitch(world, name, on),
    act: (action, tab) => act(world, action, tab),
    setFrozen: (tab, frozen) => void (frozen ? world.tabs[tab]?.freeze() : world.tabs[tab]?.thaw()),
    advance: (ms) => clock.advance(ms),
    look: () =>
      world.tabs.map(({ state }, tab) => ({
        ...(world.clients[tab]?.look() ?? { isSignedIn: false, isRefreshing: false }),
        state,
      })),
  };
}

/** What a request to the token endpoint meets. */
function answerOf({ on, random }: World): object | undefined {
  const isLost = random() < 0.25; // drawn each time, so that switches do not shift what comes after them
  if (on.outage) return { status: 503 };
  if (on.limited) return { status: 429, headers: { 'Retry-After': '60' } };
  if (on.lost && isLost) return { acts: true, drop: true };
  return { answerDelayMs: on.slow ? 6_000 : ANSWER_MS };
}

function setSwitch({ on, server, tabs }: World, name: Switch, value: boolean): void {
  if (on[name] === value) return;
  on[name] = value;
  if (name === 'grace') server.set({ reuseWindowMs: value ? 60_000 : 0 });
  if (name === 'frozen') value ? tabs[1]?.freeze() : tabs[1]?.thaw();
}

function act(world: World, action: Action, tab = action === 'crash' ? 0 : 2): void {
  const { tabs, clients, clock } = world;
  if (action === 'sleep') {
    // the lid is closed for eight hours, and then every tab wakes at the same moment
    clock.sleep(8 * 3_600_000);
    for (const peer of tabs) peer.wake();
  }
  if (action === 'signOut') {
    tell(world, tab, 'signOut', 'The user signs out in this tab.');
    void clients[tab]?.signOut();
    signInLater(world, 'wanted');
  }
  if (action === 'crash') {
    tabs[tab]?.crash();
    tell(world, tab, 'crash', 'This tab crashes, with whatever it was doing.');
    clock.after(RELOAD_MS, () => {
      tabs[tab]?.reload();
      openTab(world, tab);
      tell(world, tab, 'reload', 'It is opened again.');
    });
  }
}

/** Starts the page in a tab, which then calls the API again and again. */
function openTab(world: World, tab: number): void {
  const peer = world.tabs[tab] as Peer;
  const own = peer.platform;
  const platform: Platform = {
    ...own,
    clock: { now: () => own.clock.now() + (world.on.clock ? 3_600_000 : 0), after: own.clock.after },
  };
  const client = world.make({
    platform,
    items: peer.items,
    server: world.server,
    fetch: (input, init) => peer.through(() => send(world, tab, input, init)),
    observer: {
      told: (type, sentence) => tell(world, tab, type, sentence),
      signedOut: () => {
        if (world.signedOut) return; // the other tabs tell of the same end
        world.score.accidents++;
        signInLater(world, 'accident');
      },
    },
  });
  world.clients[tab] = client;
  const next = () => {
    own.clock.after(CALL_EVERY_MS * (0.5 + world.random()), () => {
      void call(world, client);
      next();
    });
  };
  next();
}

async function call(world: World, client: Client): Promise<void> {
  const { score, clock } = world;
  const began = clock.now();
  score.calls++;
  const status = await client.call();
  if (status === 'signed out') {
    if (world.signedOut === 'accident') score.turnedAway++;
    return;
  }
  if (clock.now() - began > 0) score.waited++;
  if (status !== 200) score.failed++;
}

async function send(world: World, tab: number, ...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const { pathname } = new URL(input instanceof Request ? input.url : String(input));
  const entry: Sent = { at: world.clock.now(), tab, path: pathname, status: undefined };
  remember(world.sent, entry);
  if (pathname === '/token') world.score.tokenRequests++;
  try {
    const response = await world.server.fetch(input, init);
    entry.status = response.status;
    if (response.status === 401 && pathname.startsWith('/api')) world.score.refused++;
    return response;
  } catch (error) {
    entry.status = 'lost';
    throw error;
  }
}

/** Nobody can sign in where the token endpoint does not answer, or no tab runs: the user tries again. */
function signIn(world: World): void {
  const tab = world.tabs.findIndex(({ state }) => state === 'running');
  if (tab < 0 || world.on.outage || world.on.limited) {
    world.clock.after(SIGN_IN_AGAIN_MS, () => signIn(world));
    return;
  }
  world.signedOut = undefined;
  tell(world, tab, 'signIn', 'The user signs in in this tab.');
  void world.clients[tab]?.signIn(world.server.signIn({ clientId: 'shop' }));
}

function signInLater(world: World, why: 'wanted' | 'accident'): void {
  if (world.signedOut) return;
  world.signedOut = why;
  world.clock.after(SIGN_IN_AGAIN_MS, () => signIn(world));
}

function tell(world: World, tab: number, type: string, sentence: string): void {
  remember(world.told, { at: world.clock.now(), tab, type, sentence });
}

function remember<T>(list: T[], entry: T): void {
  list.push(entry);
  if (list.length > KEPT) list.shift();
}
