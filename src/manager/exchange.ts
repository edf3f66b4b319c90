import type { TokenSet } from '../core/token-set.js';
import type { RefreshRequest } from '../ports/refresh.js';
import { type Answer, type Asked, noAnswer, readAnswer, readThrown } from './answer.js';
import { withDeadline } from './deadline.js';
import type { Engine } from './engine.js';

// whose refresh function was given a signal
const owners = new WeakMap<object, Engine>();

/** Whether a request comes from inside the refresh function: it has its signal, or is being made right now. */
export function isInside(engine: Engine, signal: unknown): boolean {
  return engine.isCalling || owners.get(Object(signal)) === engine;
}

/**
 * Asks the token endpoint, through the refresh function.
 *
 * Never rejects, and settles within `limitMs`. Tokens that come later go to `onLate`.
 */
export function ask(
  engine: Engine,
  request: Omit<RefreshRequest, 'signal'>,
  previous: TokenSet | undefined,
  limitMs: number,
  onLate: (tokens: TokenSet) => void,
): Promise<Answer> {
  const { clock } = engine.settings.platform;
  const controller = new AbortController();
  const { signal } = controller;
  owners.set(signal, engine);
  const secrets = [request.refreshToken, request.accessToken, previous?.idToken];
  const asked: Asked = { requestedAt: clock.now(), previous, secrets, now: () => clock.now() };
  let answer: Answer | undefined;
  const work = async (): Promise<Answer> => {
    try {
      answer = await readAnswer(await call(engine, { ...request, signal }), asked);
    } catch (error) {
      answer = await readThrown(error, asked).catch(() => noAnswer('ERR_REFRESH_NETWORK'));
    }
    return answer;
  };
  const expire = () => controller.abort();
  return withDeadline(clock, limitMs, work, expire, () => {
    if (answer?.tokens) onLate(answer.tokens);
  }).catch(() => noAnswer('ERR_REFRESH_TIMEOUT'));
}

// Whatever the refresh function calls before its first await can be told from everybody else's calls.
function call(engine: Engine, request: RefreshRequest): unknown {
  engine.isCalling = true;
  try {
    return engine.settings.refresh(request);
  } finally {
    engine.isCalling = false;
  }
}
