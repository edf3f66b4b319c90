import { setTimeout as pause } from 'node:timers/promises';
import { isTokenError } from 'evertoken';
import ky, { HTTPError } from 'ky';
import { type Call, type Meter, timeAll } from './meter.js';

/** A crowd of callers. */
export interface Callers {
  /** Lets each of them finish what it is doing; resolves when nothing is under way. */
  hold(): Promise<void>;
  /** Lets them go on after `hold`. */
  resume(): void;
  /** Lets each of them finish, for good. */
  stop(): Promise<void>;
}

interface Answer {
  readonly method: string;
  readonly body: string;
}

/** Answers a request of this number with what the API said. */
type Request = (number: number) => Promise<Answer>;

/** Half of them go through `createFetch` alone, the others through ky; every third request is a POST with a JSON body. */
export function startCallers(count: number, api: typeof fetch, apiUrl: string, meter: Meter): Callers {
  const timed = timeAll(api, meter);
  // ky's own 10 s would also count what a caller waits for a refresh that fails and is tried again
  const viaKy = ky.create({ fetch: timed, timeout: 30_000 });
  const requests: Record<Call['via'], Request> = {
    createFetch: async (number) => {
      const response = await timed(`${apiUrl}/items`, number % 3 === 0 ? post(number) : {});
      if (!response.ok) throw Object.assign(new Error(`the API answered ${response.status}`), { response });
      return (await response.json()) as Answer;
    },
    ky: (number) =>
      (number % 3 === 0
        ? viaKy.post(`${apiUrl}/items`, { json: { number } })
        : viaKy.get(`${apiUrl}/items`)
      ).json<Answer>(),
  };
  let isOver = false;
  let held: { promise: Promise<void>; resolve: () => void } | undefined;
  const busy = new Set<Promise<number>>();

  async function live(via: Call['via']): Promise<void> {
    await pause(Math.random() * 100);
    while (!isOver) {
      const work = callOnce(via, requests[via], meter);
      busy.add(work);
      const restMs = await work;
      busy.delete(work);
      // somebody who was told when to come back comes back then, unless it is all over
      for (const until = Date.now() + restMs; Date.now() < until && !isOver; ) {
        await pause(Math.max(1, Math.min(50, until - Date.now())));
      }
      await held?.promise;
    }
  }

  const lives = Array.from({ length: count }, (_, index) => live(index % 2 === 0 ? 'createFetch' : 'ky'));
  return {
    hold: async () => {
      let resolve = () => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      held = { promise, resolve };
      await Promise.all(busy);
    },
    resume: () => {
      held?.resolve();
      held = undefined;
    },
    stop: async () => {
      isOver = true;
      await Promise.all(lives);
    },
  };
}

function post(number: number): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ number }) };
}

/** One request; resolves with the milliseconds to rest before the next. */
async function callOnce(via: Call['via'], request: Request, meter: Meter): Promise<number> {
  const call: Call = { via, waited: false, networkMs: 0 };
  const number = ++meter.requests[via];
  try {
    await meter.calls.run(call, async () => {
      const { method, body } = await request(number);
      const wanted = number % 3 === 0 ? JSON.stringify({ number }) : '';
      if (body !== wanted || method !== (wanted ? 'POST' : 'GET')) throw new Error('the API echoed another request');
    });
  } catch (error) {
    const restMs = note(error, meter);
    if (restMs !== undefined) return restMs;
  } finally {
    if (call.waited) meter.waited++;
  }
  return 50 + Math.random() * 100;
}

function note(error: unknown, meter: Meter): number | undefined {
  const { response } = error as { response?: Response };
  if (isTokenError(error) && error.name === 'RefreshError' && error.retryAt !== undefined) {
    meter.postponed++;
    return Math.max(50, error.retryAt - Date.now()) + Math.random() * 100;
  }
  if (response?.status === 401 || (error instanceof HTTPError && error.response.status === 401)) {
    meter.unauthorized++;
    return undefined;
  }
  const text = isTokenError(error) ? error.code : String(error);
  meter.failures.set(text, (meter.failures.get(text) ?? 0) + 1);
  return undefined;
}
