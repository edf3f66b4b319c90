import { expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';
import { atOnce, createWorld } from '../support/promise-world.js';

test('every method is refused with ERR_DISPOSED, or harmless; twice is once', async () => {
  const { clock, server, tokens } = createWorld();
  await tokens.startSession(server.signIn());
  const snapshot = tokens.getSnapshot();
  tokens.dispose();
  tokens.dispose();
  tokens[Symbol.dispose]();
  for (const call of [
    () => tokens.getAccessToken(),
    () => tokens.refresh(),
    () => tokens.replaceAccessToken('x'),
    () => tokens.startSession(server.signIn()),
    () => tokens.endSession(),
  ]) {
    expect(await atOnce(clock, Promise.resolve().then(call as () => Promise<unknown>))).toMatchObject({
      ok: false,
      error: { code: 'ERR_DISPOSED', name: 'OptionsError' },
    });
  }
  expect(tokens.getSnapshot()).toBe(snapshot);
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  expect(await atOnce(clock, api(server.apiUrl))).toMatchObject({ ok: false, error: { code: 'ERR_DISPOSED' } });
  expect(clock.pending).toBe(0);
});
