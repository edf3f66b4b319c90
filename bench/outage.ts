// What a fleet of clients does to a token endpoint that is away for ten minutes: `npm run outage`.
import { createTokenManager, inProcess, isTokenError, tokenEndpoint } from 'evertoken';
import { createAuthServer, fakeClock, type ScriptedAnswer } from 'evertoken/testing';

const CLIENTS = 100;
const LIFETIME_MS = 300_000;
const OUTAGE_MS = 600_000;
/** Each client calls its API about this often. */
const CALL_EVERY_MS = 15_000;

/** One way to be away. */
const OUTAGES: Readonly<Record<string, ScriptedAnswer>> = {
  'answers 503': { status: 503, body: 'maintenance' },
  '503, `Retry-After: 60`': { status: 503, headers: { 'Retry-After': '60' }, body: 'maintenance' },
  'no answer at all': { drop: true },
};

/** What was counted in one outage. */
export interface OutageReport {
  readonly requestsDuring: number;
  /** Requests in the busiest second of the first ten after the outage. */
  readonly peakAfter: number;
  readonly signOuts: number;
  /** Calls that were refused although a usable access token was there. */
  readonly refusedInVain: number;
  /** Seconds after the outage until the last client had a fresh access token. */
  readonly allBackAfterS: number;
}

/** Lets a fleet live through an outage on a fake clock; the same report every time. */
export async function simulateOutage(answer: ScriptedAnswer): Promise<OutageReport> {
  const clock = fakeClock();
  const random = seeded(1);
  const server = createAuthServer({ clock, random, accessTokenLifetimeMs: LIFETIME_MS });
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'client', fetch: server.fetch });
  const totals = { signOuts: 0, refusedInVain: 0, backAt: 0 };
  let isOver = false;
  const beginsAt = clock.now() + LIFETIME_MS;
  const endsAt = beginsAt + OUTAGE_MS;

  function startClient(): void {
    const tokens = createTokenManager({ refresh: endpoint, platform: { ...inProcess(), clock, random } });
    let isBack = false;
    tokens.on('sessionEnded', () => totals.signOuts++);
    tokens.on('refreshed', ({ at }) => {
      if (at < endsAt || isBack) return;
      isBack = true;
      totals.backAt = Math.max(totals.backAt, at);
    });
    const call = () => {
      if (isOver) return tokens.dispose();
      clock.after(CALL_EVERY_MS * (0.5 + random()), call);
      tokens.getAccessToken().catch((error: unknown) => {
        const { expiresAt = 0 } = tokens.getSnapshot();
        if (isTokenError(error) && expiresAt > clock.now()) totals.refusedInVain++;
      });
    };
    // users sign in at different times
    clock.after(random() * LIFETIME_MS, () => void tokens.startSession(server.signIn()).then(call));
  }

  for (let client = 0; client < CLIENTS; client++) startClient();
  await clock.advanceTo(beginsAt);
  server.always(answer);
  await clock.advanceTo(endsAt);
  server.always(undefined);
  await clock.advance(120_000);
  isOver = true;
  await clock.advance(2 * CALL_EVERY_MS);

  const moments = server.tokenRequests.map(({ at }) => at);
  const within = (from: number, to: number) => moments.filter((at) => at >= from && at < to).length;
  const seconds = Array.from({ length: 10 }, (_, second) => endsAt + second * 1_000);
  return {
    requestsDuring: within(beginsAt, endsAt),
    peakAfter: Math.max(...seconds.map((at) => within(at, at + 1_000))),
    signOuts: totals.signOuts,
    refusedInVain: totals.refusedInVain,
    allBackAfterS: Math.ceil((totals.backAt - endsAt) / 1_000),
  };
}

/** The table of the README. */
export async function outageTable(): Promise<string> {
  const reports = await Promise.all(Object.values(OUTAGES).map(simulateOutage));
  const row = (label: string, figure: (report: OutageReport) => string | number) =>
    `| ${[label, ...reports.map(figure)].join(' | ')} |`;
  const perClient = ({ requestsDuring }: OutageReport) => (requestsDuring / CLIENTS).toFixed(1);
  return [
    `| ${CLIENTS} clients, ${OUTAGE_MS / 60_000} minutes | ${Object.keys(OUTAGES).join(' | ')} |`,
    `|---${'|---:'.repeat(reports.length)}|`,
    row('requests to the token endpoint during the outage', ({ requestsDuring }) => requestsDuring),
    row('… per client', perClient),
    row('busiest second of the first ten after it', ({ peakAfter }) => `${peakAfter} requests`),
    row('until the last client had a fresh access token', ({ allBackAfterS }) => `${allBackAfterS} s`),
    row('sign-outs', ({ signOuts }) => signOuts),
    row('calls refused although a usable access token was there', ({ refusedInVain }) => refusedInVain),
  ].join('\n');
}

// mulberry32
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// run, not imported
if ((import.meta as { main?: boolean }).main) console.log(await outageTable());
