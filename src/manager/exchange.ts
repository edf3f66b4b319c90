import type { TokenSet } from '../core/token-set.js';
import type { RefreshRequest } from '../ports/refresh.js';
import { type Answer, type Asked, noAnswer, readAnswer, readThrown } from './answer.js';
import { withDeadline } from './deadline.js';
import type { Settings } from './options.js';

/** Asks the token endpoint, through the refresh function. */
export interface Exchange {
  /** Never rejects, and settles within `limitMs`. Tokens that come later go to `onLate`. */
  ask(
    request: Omit<RefreshRequest, 'signal'>,
    previous: TokenSet | undefined,
    limitMs: number,
    onLate: (tokens: TokenSet) => void,
  ): Promise<Answer>;
  /** Whether a request comes from inside the refresh function: it has its signal, or is being made right now. */
  isInside(signal: unknown): boolean;
}

export function createExchange({ refresh, platform: { clock } }: Settings): Exchange {
  const signals = new WeakSet<object>();
  let isCalling = false;

  // Whatever the refresh function calls before its first await can be told from everybody else's calls.
  function call(request: RefreshRequest): unknown {
    isCalling = true;
    try {
      return refresh(request);
    } finally {
      isCalling = false;
    }
  }

  return {
    isInside: (signal) => isCalling || signals.has(Object(signal)),
    ask: (request, previous, limitMs, onLate) => {
      const { signal, abort } = createSignal();
      signals.add(signal);
      const secrets = [request.refreshToken, request.accessToken, previous?.idToken];
      const asked: Asked = { requestedAt: clock.now(), previous, secrets, now: () => clock.now() };
      let answer: Answer | undefined;
      const work = async (): Promise<Answer> => {
        try {
          answer = await readAnswer(await call({ ...request, signal }), asked);
        } catch (error) {
          answer = await readThrown(error, asked);
        }
        return answer;
      };
      return withDeadline(clock, limitMs, work, abort, () => {
        if (answer?.tokens) onLate(answer.tokens);
      }).catch(() => noAnswer('ERR_REFRESH_TIMEOUT'));
    },
  };
}

function createSignal(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
