import type { RequestWithHooks } from '../core/hooks.js';
import type { TokenSet } from '../core/token-set.js';
import type { RefreshRequest } from '../ports/refresh.js';
import { type Answer, type Asked, noAnswer, readAnswer, readThrown } from './answer.js';
import { withDeadline } from './deadline.js';
import type { Settings } from './options.js';

/** Whose refresh function was given a signal. */
const owners = new WeakMap<object, Exchange>();

/** One request to the token endpoint, through the refresh function: bounded, and never rejecting. */
export class Exchange {
  readonly #settings: Settings;
  /** The refresh function is being called, and has not come to its first `await`. */
  #isCalling = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Whether a request comes from inside the refresh function: it has its signal, or is being made right now. */
  isInside(signal: unknown): boolean {
    return this.#isCalling || owners.get(Object(signal)) === this;
  }

  /** Asks for tokens; settles within `limitMs`. What comes later, and brings a refresh token at least, goes to `onLate`. */
  request(
    request: Omit<RefreshRequest, 'signal'> & RequestWithHooks,
    previous: TokenSet | undefined,
    limitMs: number,
    onLate: (answer: Answer) => void,
  ): Promise<Answer> {
    const { platform, isHidden } = this.#settings;
    const { clock } = platform;
    const controller = new AbortController();
    const { signal } = controller;
    owners.set(signal, this);
    const secrets = [request.refreshToken, request.accessToken, previous?.idToken];
    const { binding } = request;
    const asked: Asked = { requestedAt: clock.now(), previous, secrets, isHidden, binding, now: () => clock.now() };
    const work = async (): Promise<Answer> => {
      try {
        return await readAnswer(await this.#call({ ...request, signal }), asked);
      } catch (error) {
        return readThrown(error, asked).catch(() => noAnswer('ERR_REFRESH_NETWORK'));
      }
    };
    const expire = () => controller.abort();
    return withDeadline(clock, limitMs, work, expire, (answer) => {
      if (answer.tokens || answer.refreshToken !== undefined) onLate(answer);
    }).catch(() => noAnswer('ERR_REFRESH_TIMEOUT'));
  }

  #call(request: RefreshRequest): unknown {
    this.#isCalling = true;
    try {
      return this.#settings.refresh(request);
    } finally {
      this.#isCalling = false;
    }
  }
}
