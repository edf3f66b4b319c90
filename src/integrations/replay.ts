import { hooks, type SentWith } from '../core/hooks.js';
import type { TokenSource } from '../manager/token-manager.js';
import type { FutileRefreshes } from './futile-refreshes.js';
import { letGo, type Outgoing, sign } from './outgoing.js';
import { judge, type Rejected, type Rejection, readRejection } from './rejection.js';
import { refuseBound } from './sender.js';

/** The `fetch` that a replay happens in. */
export interface Surroundings {
  readonly tokens: TokenSource;
  readonly futile: FutileRefreshes;
  readonly send: typeof fetch;
  readonly rejected: Rejected | undefined;
  /** What sends signs requests with the key of the session. */
  readonly isSigned: boolean;
}

/** What a request went out with. */
interface Credentials {
  readonly accessToken: string;
  readonly sent: SentWith | undefined;
}

/** Tells of a refusal, and sends the request once more where another access token may help. */
export async function replay(
  around: Surroundings,
  outgoing: Outgoing,
  { accessToken, sent }: Credentials,
  response: Response,
  rejection: Rejection,
): Promise<Response> {
  const { tokens, futile, send, rejected, isSigned } = around;
  const { target, signal, goal, init } = outgoing;

  function tell({ challenges }: Rejection, { status }: Response, token: string, replayed: boolean): void {
    tokens[hooks]?.reject({ status, origin: target.origin, challenges, replayed }, token);
  }

  tell(rejection, response, accessToken, false);
  if (!rejection.isReplaceable || outgoing.isOneShot) return response;
  const mayRefresh = futile.mayHelp(target.url, accessToken);
  let next: string;
  try {
    const options = { signal, challenge: rejection.challenge };
    next = await (mayRefresh
      ? ((sent && tokens[hooks]?.replace?.(accessToken, sent, options)) ??
        tokens.replaceAccessToken(accessToken, options))
      : tokens.getAccessToken(signal && { signal }));
  } catch (error) {
    if (signal?.aborted) throw error;
    return response;
  }
  // No refresh is allowed, and there is no other token.
  if (!mayRefresh && next === accessToken) return response;
  if (!isSigned) refuseBound(tokens, next);
  letGo(response.body);
  sign(outgoing, next, true);
  const { spare } = outgoing;
  outgoing.spare = undefined; // it is sent now, so it must not be cancelled later
  const second = await send(spare ?? goal, init);
  const again = await (rejected
    ? judge(rejected, second, outgoing, next, isSigned)
    : readRejection(second, target.origin, isSigned));
  if (again) tell(again, second, next, true);
  if (again?.isReplaceable) futile.add(target.url, next);
  return second;
}
