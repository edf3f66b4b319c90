import { type Mutation, mutation } from '../mutation.js';

const DUE = 'core/due.ts';
const LANE = 'core/lane.ts';
const BOARD = 'services/fleet/lane-board.ts';
const FEEDER = 'services/fleet/feeder.ts';
const WORKER = 'services/fleet/worker.ts';
const INDEXED = 'services/fleet/indexed.ts';
const OPEN = 'services/fleet/open-session.ts';
const RUNS = 'services/fleet/lane-runs.ts';
const AT_HAND = 'services/fleet/at-hand.ts';
const MEMORY = 'services/fleet/memory-due-index.ts';

/** `npm run simulate:fleet -- --mutations` runs them all; each has to be noticed. */
export const mutations: readonly Mutation[] = [
  mutation(
    'due after the end of the lifetime',
    'A session is refreshed a little after its access token has expired.',
    DUE,
    'return Math.floor(issuedAt + (expiresAt - issuedAt) * share)',
    'return Math.floor(issuedAt + (expiresAt - issuedAt) * (share + 0.5))',
  ),
  mutation(
    'due long before its share of the lifetime',
    'A session is refreshed after a fifth of the share that the lane says.',
    DUE,
    'return Math.floor(issuedAt + (expiresAt - issuedAt) * share)',
    'return Math.floor(issuedAt + (expiresAt - issuedAt) * share * 0.2)',
  ),
  mutation(
    'the mark sets no takeover',
    'A refresh under way leaves the entry where it was: who died is relieved when the session is due again.',
    DUE,
    'at: unanswered ? now + rule.takeoverMs : at',
    'at: unanswered ? now + 60_000 : at',
  ),
  mutation(
    'unused sessions are kept fresh',
    'The feeder hands out what nobody uses like anything else.',
    FEEDER,
    '!entry.urgent && (entry.keepAliveAt ?? 0) > now && !isHot(entry, hotForMs, now)',
    'false as boolean',
  ),
  mutation(
    'sessions in use are put off',
    'A session is taken for unused although it is in use.',
    DUE,
    'return now < usedAt + (hotForMs ?? Math.max(lifetimeMs ?? 0, 3_600_000))',
    'return now < usedAt + (hotForMs ?? 0) / 1_000',
  ),
  mutation(
    'what is used again stays put off',
    'A session that was put off as unused is not brought back by its use.',
    WORKER,
    'await due.put(key, { ...entry, at: now });',
    '',
  ),
  mutation(
    'no brake for a provider that is away',
    'The lane goes on at its rate whatever the provider answers.',
    LANE,
    "return count('unavailable', 2 * UNAVAILABLE_OF_20) >= UNAVAILABLE_OF_20 ? 'unavailable' : undefined",
    'return undefined',
  ),
  mutation(
    'no brake on deaths',
    'The word of a provider that says of everybody that the session is dead is believed.',
    LANE,
    "if (count('dead', WINDOW) >= DEAD_OF_40) return 'deaths';",
    '',
  ),
  mutation(
    'Retry-After is not heeded',
    'A moment that the provider names pauses no lane.',
    LANE,
    'const namedAt = outcome.retryAt !== undefined && outcome.retryAt > now ? outcome.retryAt : 0;',
    'const namedAt = 0 as number;',
  ),
  mutation(
    'a brake shortens what the provider named',
    'The first pause of a brake takes the place of a longer one that the provider named.',
    LANE,
    'brakeFor(reason, 0, until, now, random)',
    'brakeFor(reason, 0, namedAt, now, random)',
    'overload',
  ),
  mutation(
    'the rate comes back at once',
    'After a pause a lane starts with its whole rate.',
    LANE,
    'return Math.min(perSecond, 2 ** steps)',
    'return Math.min(perSecond, 2 ** (steps + 9))',
  ),
  mutation(
    'pauses of others are not learned',
    'A process knows its own pauses only.',
    BOARD,
    'learn(counts.lane, counts.paused);',
    'void counts.paused;',
  ),
  mutation(
    'the later of two named moments is forgotten',
    'A process takes the shorter pause that another one wrote at the same time.',
    BOARD,
    'pause && unlessLonger(shared.here(lane, pause), before, states.now())',
    'pause && shared.here(lane, pause)',
    'crowd',
  ),
  {
    name: 'pauses are moments of the clock that wrote them',
    theme: 'crowd',
    means: 'A pause written by a clock that is ahead holds the lane, in every process, until theirs show the same.',
    patches: [
      { file: BOARD, find: 'if (forMs === undefined) return pause;', replace: 'return pause;' },
      { file: BOARD, find: 'if (backMs <= 0) return at;', replace: 'return at;' },
    ],
  },
  mutation(
    'every process feeds',
    'A lane is fed without its lock.',
    FEEDER,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a text of the sources
    'await lock.run(`evertoken:fleet:${lane}`, signal, task, { holdMs: 2 * TURN_MS })',
    'await task({ signal: new AbortController().signal })',
  ),
  mutation(
    'the rate is not kept',
    'The feeder earns twice the rate.',
    FEEDER,
    "const rate = allowed === 'probe' ? 1 : allowed;",
    "const rate = allowed === 'probe' ? 1 : 2 * allowed;",
  ),
  mutation(
    'a worker does not look whether a session is due',
    'A job refreshes, whatever has happened since it was handed out.',
    WORKER,
    'const isDue = clock.now() >= refreshMoment(key, times, rule);',
    'const isDue = clock.now() >= 0;',
    'crowd',
  ),
  {
    name: 'what ended is not listed',
    means: 'A session that its provider ended is gone without a word.',
    patches: [
      { file: INDEXED, find: "{ reason: 'rejected', at: now() }", replace: 'undefined' },
      { file: OPEN, find: 'due.remove(key, { reason, at })', replace: 'due.remove(key)' },
      {
        file: WORKER,
        find: "entry.urgent ? { reason: 'rejected', at: clock.now() } : undefined",
        replace: 'undefined',
      },
    ],
  },
  mutation(
    'stop() gives nothing back',
    'What was claimed and not begun stays claimed when a process ends.',
    RUNS,
    'await atMost(clock, LONGEST_MS, Promise.all(stopped).then(giveBack));',
    'await atMost(clock, LONGEST_MS, Promise.all(stopped));',
    'stops',
  ),
  mutation(
    'what is at hand is believed until it is due',
    'A process that keeps a session at hand does not look whether it has ended elsewhere.',
    AT_HAND,
    'if (isUse) await lookAgain(entry);',
    '',
  ),
  mutation(
    'a refresh that failed comes up no more',
    'After an attempt without new tokens the entry is moved to the next day.',
    WORKER,
    'at: Math.max(entry.at, now + takeoverMs)',
    'at: Math.max(entry.at, now + takeoverMs) + 86_400_000',
  ),
  mutation(
    'the index forgets what it hands out',
    'A claim takes the entry away; only a worker that lives puts it back.',
    MEMORY,
    'node.entry = { ...entry, at: now() + forMs };',
    'node.entry = { ...entry, at: now() + forMs + 86_400_000 };',
  ),
];
