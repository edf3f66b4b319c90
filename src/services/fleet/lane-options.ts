import type { DueRule } from '../../core/due.js';
import { OptionsError } from '../../errors.js';

/** What holds for one lane, across all processes. */
export interface LaneOptions {
  /** Refreshes a second, across all processes. Default 50. */
  perSecond?: number;
  /** Refreshes at once, in each process. Default 32. */
  concurrency?: number;
  /** The share of an access token's lifetime after which it is refreshed at the earliest, from 0 to 1. Default 0.5. */
  from?: number;
  /** The share after which it is refreshed at the latest, from `from` to 1. Default 0.9. */
  until?: number;
  /** How long after its last use a session is kept fresh, in milliseconds. Default: one lifetime, at least an hour. */
  hotForMs?: number;
  /** How often a session that nobody uses is refreshed, in milliseconds. Default 86 400 000, a day. */
  keepAliveMs?: number;
  /**
   * How long after its start a refresh that has not ended is taken over, in milliseconds. Default 5 000.
   *
   * Choose less than the time in which the provider forgives that a refresh token is used again.
   */
  takeoverMs?: number;
}

/** All options of a lane, with the defaults. */
export interface LaneRule extends DueRule {
  readonly perSecond: number;
  readonly concurrency: number;
  readonly hotForMs: number | undefined;
}

const DEFAULTS: LaneRule = {
  perSecond: 50,
  concurrency: 32,
  from: 0.5,
  until: 0.9,
  hotForMs: undefined,
  keepAliveMs: 86_400_000,
  takeoverMs: 5_000,
};

/** Checks the options of all lanes, and returns what says which hold for a lane; throws an `OptionsError`. */
export function laneRules(lanes: Readonly<Record<string, LaneOptions>> = {}): (lane: string) => LaneRule {
  if (Object(lanes) !== lanes) throw wrongOption('lanes', 'an object of lanes', lanes);
  const rules = new Map(Object.entries(lanes).map(([name, options]) => [name, check(name, options)]));
  return (lane) => rules.get(lane) ?? DEFAULTS;
}

function check(name: string, options: LaneOptions): LaneRule {
  if (Object(options) !== options) throw wrongOption(`lanes.${name}`, 'an object', options);
  for (const [option, value] of Object.entries(options)) {
    const where = `lanes.${name}.${option}`;
    if (!Object.hasOwn(DEFAULTS, option)) {
      throw wrongOption(where, `one of ${Object.keys(DEFAULTS).join(', ')}`, option);
    }
    if (value === undefined) continue;
    const isShare = option === 'from' || option === 'until';
    const most = isShare ? 1 : Number.MAX_SAFE_INTEGER;
    if (typeof value !== 'number' || (!(value > 0 && value <= most) && !(option === 'from' && value === 0))) {
      throw wrongOption(where, isShare ? 'a share from 0 to 1' : 'a number above 0', value);
    }
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const rule: LaneRule = { ...DEFAULTS, ...given };
  if (rule.from > rule.until) throw wrongOption(`lanes.${name}.until`, `at least from (${rule.from})`, rule.until);
  return rule;
}

/** The error for an option: what was expected, and what came. */
export function wrongOption(where: string, expected: string, came: unknown): OptionsError {
  return new OptionsError('ERR_OPTIONS', `Expected ${where} to be ${expected}, got ${String(came)}.`);
}
