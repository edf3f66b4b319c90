import { expect, test } from 'vitest';
import { atOnce, createWorld, MINUTE, outcome } from '../support/promise-world.js';

const controllers: Array<[string, (controller: AbortController) => void, (reason: unknown) => void]> = [
  ['an error', (c) => c.abort(new Error('mine')), (r) => expect(r).toMatchObject({ message: 'mine' })],
  ['no reason', (c) => c.abort(), (r) => expect(r).toMatchObject({ name: 'AbortError' })],
  ['null', (c) => c.abort(null), (r) => expect(r).toBe(null)],
  ['zero', (c) => c.abort(0), (r) => expect(r).toBe(0)],
  ['false', (c) => c.abort(false), (r) => expect(r).toBe(false)],
  ['an empty string', (c) => c.abort(''), (r) => expect(r).toBe('')],
  ['a symbol', (c) => c.abort(Symbol.for('s')), (r) => expect(r).toBe(Symbol.for('s'))],
];
const methods = ['getAccessToken', 'replaceAccessToken', 'refresh'] as const;
test.each(controllers)(
  '%s as reason, before and in the middle: that caller alone goes, with that reason',
  async (_, abort, check) => {
    for (const method of methods) {
      for (const before of [true, false]) {
        const { clock, server, tokens } = createWorld({ server: { delayMs: 1_000 } });
        const { access_token } = server.signIn();
        await tokens.startSession({ ...server.signIn() });
        await clock.advance(11 * MINUTE);
        const controller = new AbortController();
        if (before) abort(controller);
        const { signal } = controller;
        const call = (): Promise<unknown> =>
          method === 'replaceAccessToken'
            ? tokens.replaceAccessToken(access_token, { signal })
            : tokens[method]({ signal });
        const others = [tokens.getAccessToken(), tokens.getAccessToken({ signal: new AbortController().signal })];
        const mine = call();
        if (!before) {
          expect(await atOnce(clock, mine)).toBe('waits');
          await clock.advance(500);
          abort(controller);
        }
        const result = await atOnce(clock, mine);
        if (result === 'waits') throw new Error(`${method} still waits`);
        expect(result.ok).toBe(false);
        check(result.error);
        expect((await outcome(clock, Promise.all(others))).ok).toBe(true);
        expect(server.tokenRequests).toHaveLength(1);
        expect(server.counts.refreshesGranted).toBe(1);
        tokens.dispose();
      }
    }
  },
);

test('the last caller to go does not take the refresh along', async () => {
  const { clock, server, tokens } = createWorld({ server: { delayMs: 1_000 } });
  await tokens.startSession(server.signIn());
  await clock.advance(11 * MINUTE);
  const controller = new AbortController();
  const calls = Array.from({ length: 10 }, () => tokens.getAccessToken({ signal: controller.signal }));
  for (const call of calls) call.catch(() => undefined);
  await clock.advance(100);
  controller.abort();
  await clock.advance(2_000);
  expect(server.tokenRequests.map(({ status }) => status)).toEqual([200]);
  expect(await atOnce(clock, tokens.getAccessToken())).toMatchObject({ ok: true });
  expect(server.tokenRequests).toHaveLength(1);
  tokens.dispose();
});

test('a polyfilled signal without a reason rejects with an error, not with undefined', async () => {
  for (const before of [true, false]) {
    const { clock, server, tokens } = createWorld({ server: { delayMs: 1_000 } });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    const listeners = new Set<() => void>();
    const signal = {
      aborted: before,
      addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
    };
    const mine = tokens.getAccessToken({ signal: signal as never });
    mine.catch(() => undefined);
    await clock.advance(10);
    signal.aborted = true;
    for (const listener of listeners) listener();
    const result = await atOnce(clock, mine);
    expect(result).toMatchObject({ ok: false, error: { name: 'AbortError' } });
    tokens.dispose();
  }
});

test('a signal that lives long is left alone when its caller has been served', async () => {
  const { clock, server, tokens } = createWorld({ server: { delayMs: 1_000 } });
  await tokens.startSession(server.signIn());
  const { signal } = new AbortController();
  let listening = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listening++;
    return add(...args);
  }) as never;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listening--;
    return remove(...args);
  }) as never;
  for (let round = 0; round < 5; round++) {
    await clock.advance(11 * MINUTE);
    if (round === 3) server.next({ status: 503 }, { times: 3 });
    await outcome(clock, Promise.allSettled([tokens.getAccessToken({ signal }), tokens.refresh({ signal })]));
  }
  expect(listening).toBeLessThanOrEqual(0);
  tokens.dispose();
});
