import type { SessionGrant } from '../core/session-grant.js';
import type { TokenSet } from '../core/token-set.js';
import { RefreshError } from '../errors.js';
import { withDeadline } from './deadline.js';
import type { Settings } from './options.js';
import { safeCause } from './safe-cause.js';

/**
 * Tells the server that a session is over; bounded, and called before the first `await`, so that a page may leave.
 *
 * Resolves with what went wrong, if something did.
 */
export async function revoke(
  settings: Settings,
  tokens: TokenSet | undefined,
  grant: SessionGrant | undefined,
): Promise<RefreshError | undefined> {
  const { revoke: call, isCookie, timeoutMs, platform } = settings;
  if (!call || !(tokens || isCookie)) return undefined;
  const { refreshToken, accessToken, idToken } = tokens ?? {};
  const controller = new AbortController();
  const request = {
    ...grant,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(accessToken && { accessToken }),
    ...(idToken !== undefined && { idToken }),
    signal: controller.signal,
  };
  const expire = () => controller.abort();
  // nobody may be waiting, and a process must not exit before the server knows
  const release = platform.clock.after(timeoutMs, () => undefined, { keepAlive: true });
  try {
    const answer = await withDeadline(platform.clock, timeoutMs, () => call(request), expire);
    const { ok, status } = Object(answer) as Partial<Response>;
    if (ok === false) throw Object.assign(new Error('an answer that is not 2xx'), { status });
    return undefined;
  } catch (error) {
    const code = error === undefined ? 'ERR_REFRESH_TIMEOUT' : 'ERR_REFRESH_NETWORK';
    const { status } = Object(error) as { status?: number };
    const message = 'Expected the revocation to succeed, but it failed; the session is over here all the same.';
    const cause = error === undefined ? undefined : safeCause(error, [refreshToken, accessToken, idToken]);
    return new RefreshError(code, message, { attempts: 1, status, cause });
  } finally {
    release();
  }
}
