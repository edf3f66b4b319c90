import { claimsOf } from '../../core/challenge.js';
import { failureError } from '../../core/failure-error.js';
import { dueAt, freshness, outlives } from '../../core/freshness.js';
import { hooks } from '../../core/hooks.js';
import type { OtherAccess, SessionRecord, StoredFailure } from '../../core/session-record.js';
import { nameOfTarget, type Target, usableOther } from '../../core/target.js';
import { isTokenError, OptionsError, RefreshError } from '../../errors.js';
import type { SourceHooks, TokenManager, TokenSource } from '../../manager/token-manager.js';
import { checkNames, refuse } from '../origins.js';
import { checkScopes } from './client.js';
import { type Aim, createErrandRoom, type ErrandRoom, type Wish } from './errand-room.js';
import { isHeld } from './errand-steps.js';
import { createErrands } from './errands.js';

type GetOptions = Parameters<TokenSource['getAccessToken']>[0];
type ReplaceOptions = Parameters<TokenSource['replaceAccessToken']>[1];
type Below = Pick<SourceHooks, 'isRefreshing' | 'others'>;

/** How long a caller with a usable token waits for a better one, where work ends with the answer. */
const MAX_PATIENCE_MS = 2_000;

/**
 * Access tokens of the same session for another API. Give it to `createFetch` as it is.
 *
 * They are asked for with the session's refresh token, in turn with every other refresh, and lie in the session's record,
 * eight at most: other tabs and the page after a reload have them, and they end with the session. Asked for when somebody
 * needs one, by no timer. What the server refuses for this target leaves the session and other targets as they are.
 *
 * @param target `resource` (RFC 8707), `audience` or `scopes`, as the server wants them; sent letter by letter.
 * @throws {OptionsError} `ERR_OPTIONS`: no target; or a manager whose refresh function heeds none, as `refreshWith()` and
 * `tokenEndpoint()` do, or whose access token is in a cookie
 *
 * @example
 * const files = forResource(tokens, { resource: 'https://files.example' });
 * const api = createFetch(files, { origins: ['https://files.example'] });
 */
export function forResource(tokens: TokenManager, target: Target): TokenSource {
  const below = tokens?.[hooks];
  const errands = below?.startErrands?.(createErrands);
  if (!below || !errands) refuse('tokens', 'a token manager of this version', tokens);
  const { refresh, isHidden, isGrant, platform } = errands.host.settings;
  if (!refresh.forTargets || isHidden || isGrant) {
    refuse(
      'refresh',
      'refreshWith(), tokenEndpoint() or another one with forTargets, and tokens in its answer',
      refresh,
    );
  }
  checkTarget(target);
  const { resource, audience, scopes } = target;
  const name = nameOfTarget(target);
  const aim: Aim = { tokens, errands, target: { resource, audience, scopes: scopes && [...scopes] }, name };
  const source = {
    ...createServing(aim, below, createErrandRoom(aim)),
    getSnapshot: tokens.getSnapshot,
    [hooks]: {
      isRefreshing: (signal) => below.isRefreshing(signal),
      reject: (rejection, accessToken) => below.reject(rejection, accessToken),
      passOver: (origin) => below.passOver?.(origin),
      bindingOf: (accessToken) => below.bindingOf?.(accessToken),
      lose: (error) => below.lose?.(error),
      others: () => below.others?.(),
      life: () => ({ now: platform.clock.now(), expiresAt: below.others?.()?.[name]?.expiresAt }),
    } satisfies SourceHooks,
  };
  return source;
}

/** Serves as a manager does: at once while usable, after an errand otherwise. */
function createServing(aim: Aim, below: Below, room: ErrandRoom): TokenSource {
  const { name } = aim;
  const { host } = aim.errands;
  const { leewayMs, platform } = host.settings;
  const { clock, random, background = true } = platform;
  /** When the access token that was served last is due. */
  let due: { readonly token: string; readonly at: number } | undefined;

  const find = ({ others }: SessionRecord) => others?.[name];
  const usable = (other: OtherAccess | undefined) => usableOther(other, clock.now());

  function dueOf(other: OtherAccess, token: string): number {
    if (due?.token !== token) due = { token, at: dueAt(other, leewayMs, random()) };
    return due.at;
  }

  async function get(options?: GetOptions): Promise<string> {
    const { signal, minValidityMs = 0 } = readCall(options, 'minValidityMs');
    const record = await host.known(signal);
    const other = find(record);
    const token = usable(other);
    const wish: Wish = {
      reason: token === undefined ? 'expired' : 'due',
      isMet: (found) => usable(found) !== undefined && found?.accessToken !== token,
    };
    if (!other || token === undefined) return fetchToken(aim, below, room, { record, wish, signal });
    const at = dueOf(other, token);
    const isEnough = outlives(other, at, clock.now(), minValidityMs);
    const isDue = freshness(other, at, clock.now()) === 'stale' && !pauseOf(aim, record);
    if (isEnough && isDue && background) room.enter(record, wish).catch(() => undefined);
    if (isEnough && (background || !isDue)) return token;
    try {
      const outcome = fetchToken(aim, below, room, { record, wish, signal });
      const patience = new Promise<string>((resolve) => {
        clock.after(MAX_PATIENCE_MS, () => {
          const held = usable(below.others?.()?.[name]);
          if (held !== undefined) resolve(held); // else: what comes is awaited, also that the session is over
        });
      });
      return await (isEnough ? Promise.race([outcome, patience]) : outcome);
    } catch (error) {
      if (!isTokenError(error) || /SessionError|OptionsError/.test(error.name)) throw error;
      // A usable token beats none; a peer may have brought it.
      const found = await host.known(signal);
      const left = found.sessionId === record.sessionId ? usable(find(found)) : undefined;
      if (left === undefined) throw error;
      return left;
    }
  }

  async function replace(rejected: string, options?: ReplaceOptions): Promise<string> {
    const { signal, challenge } = readCall(options, 'challenge');
    const record = await host.known(signal, rejected);
    const claims = claimsOf(challenge);
    const isMet = (other: OtherAccess | undefined) =>
      usable(other) !== undefined &&
      other?.accessToken !== rejected &&
      (claims === undefined || other?.claims === claims);
    const other = find(record);
    if (other?.accessToken !== undefined && isMet(other)) return other.accessToken;
    // An errand under way may have begun before the refused token came, or without the claims.
    const isJoined = room.current(record) !== undefined;
    const wish: Wish = { reason: 'rejected', challenge, isMet };
    const token = await fetchToken(aim, below, room, { record, wish, signal });
    return isJoined && (token === rejected || claims !== undefined) ? replace(rejected, options) : token;
  }

  return { getAccessToken: get, replaceAccessToken: replace };
}

/** Waits for an errand, where one may be run. */
async function fetchToken(
  aim: Aim,
  below: Below,
  room: ErrandRoom,
  { record, wish, signal }: { record: SessionRecord; wish: Wish; signal: AbortSignal | undefined },
): Promise<string> {
  const { host } = aim.errands;
  if (below.isRefreshing(signal)) {
    throw new OptionsError(
      'ERR_OPTIONS',
      'The refresh function asked for an access token, which waits for that same refresh; pass its signal on.',
    );
  }
  const pause = pauseOf(aim, record);
  if (pause) throw failureError(pause);
  if (host.settings.needsRefreshToken && record.tokens.refreshToken === undefined) {
    const message =
      'Nothing was asked: the server gave no refresh token (ask for the scope offline_access at sign-in).';
    throw new RefreshError('ERR_REFRESH_CONFIG', message, { attempts: 0 });
  }
  const errand = room.wait(record, wish);
  await host.waited(
    host.track(
      errand.then(() => undefined),
      signal,
    ),
  );
  return errand;
}

/** Why nothing may be asked now: the session's own failure, or that of the target. */
function pauseOf({ errands, name }: Aim, { failure, others }: SessionRecord): StoredFailure | undefined {
  return [failure, others?.[name]?.failure].find((one) => isHeld(errands.host.settings, one));
}

/** The options of a call, which has this one beside `signal`. */
function readCall<T extends object>(options: T | undefined, other: keyof T & string): Partial<T> {
  checkNames(options ?? {}, ['signal', other]);
  return options ?? {};
}

/** Throws `OptionsError` for what is no target. */
function checkTarget(target: Target): void {
  const { resource, audience, scopes = [] } = Object(target) as Target;
  if (typeof target === 'object') checkNames(target, ['resource', 'audience', 'scopes']);
  for (const [option, value] of Object.entries({ resource, audience })) {
    if (value !== undefined && !(typeof value === 'string' && value))
      refuse(option, 'a string that is not empty', value);
  }
  checkScopes(scopes);
  if (!resource && !audience && scopes.length === 0) refuse('target', 'a resource, an audience or scopes', target);
}
