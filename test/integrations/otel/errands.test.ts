import { describe, expect, test } from 'vitest';
import { tokenEndpoint } from '../../../src/index.js';
import { forResource } from '../../../src/integrations/oauth.js';
import { observedSession } from '../../support/observed.js';
import { majors, startSdk } from '../../support/open-telemetry.js';
import { createWorld } from '../../support/world.js';

const ERRAND = 'evertoken.refresh.errand';
const OUTCOME = 'evertoken.refresh.outcome';

/** An observed session that asks for access tokens of another resource, too. */
async function withErrands(...major: (typeof majors)[number]) {
  const sdk = startSdk(major);
  const world = createWorld();
  const { server } = world;
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const session = await observedSession(sdk.api, { refresh, key: 'one', retry: { attempts: 1 } }, { world });
  const files = forResource(session.tokens, { resource: 'https://files.test/of-zoe' });
  const counted = async (name: string) =>
    (await sdk.points(name))
      .filter(({ count }) => count > 0)
      .map(({ attributes, count }) => ({ ...attributes, count }));
  return { ...session, sdk, files, counted };
}

describe.each(majors)('refreshes for other targets, with SDK %s', (...major) => {
  test('are told apart by a closed attribute, and never by the name of their target', async () => {
    const { sdk, files, run, failure, server, counted, clock } = await withErrands(...major);
    await run(files.getAccessToken());
    await clock.advance(3_600_000);
    server.next({ status: 400, body: { error: 'invalid_target' } });
    await failure(files.getAccessToken());
    expect(await counted('evertoken.refresh.duration')).toMatchObject([
      { [OUTCOME]: 'refreshed', [ERRAND]: true, count: 1 },
      { [OUTCOME]: 'failed', [ERRAND]: true, 'error.type': 'ERR_REFRESH_CONFIG', count: 1 },
    ]);
    expect(await counted('evertoken.refresh.request.duration')).toMatchObject([
      { 'http.response.status_code': 200, [ERRAND]: true },
      { 'http.response.status_code': 400, 'evertoken.oauth.error': 'invalid_target', [ERRAND]: true },
    ]);
    expect(sdk.spans('evertoken.refresh').map(({ attributes }) => attributes[ERRAND])).toEqual([true, true]);
    const told = sdk.records().filter(({ name }) => name.startsWith('evertoken.refresh'));
    expect(told.map(({ name, attributes }) => [name, attributes[ERRAND]])).toEqual([
      ['evertoken.refresh', true],
      ['evertoken.refresh.failure', true],
    ]);
    expect(await sdk.everything()).not.toMatch(/files|zoe/);
  });

  test('that fail are no failures of the session: neither among its ends, nor does it wait', async () => {
    const { files, run, failure, server, counted, tokens } = await withErrands(...major);
    server.next({ status: 503 });
    await failure(files.getAccessToken());
    expect(await counted('evertoken.refresh.ends')).toEqual([]);
    expect(await counted('evertoken.session.count')).toEqual([{ 'evertoken.session.status': 'active', count: 1 }]);
    await run(tokens.refresh());
    expect(await counted('evertoken.refresh.ends')).toEqual([{ [OUTCOME]: 'refreshed', count: 1 }]);
    expect(await counted('evertoken.refresh.interval')).toEqual([]);
  });

  test('keep their requests apart from those of a refresh that is under way at the same time', async () => {
    const { sdk, files, tokens, run, server, clock, platform } = await withErrands(...major);
    const hold = () => new Promise<void>((resolve) => clock.after(100, resolve));
    const held = platform.lock.run('one', new AbortController().signal, hold);
    server.next({ status: 503 });
    const errands = files.getAccessToken().catch(() => undefined);
    await clock.advance(10);
    await run(Promise.all([held, errands, tokens.refresh()])); // both have begun, the errand is the first to ask
    const [errand, own] = [true, undefined].map((is) =>
      sdk.spans('evertoken.refresh').find(({ attributes }) => attributes[ERRAND] === is),
    );
    const requests = sdk.spans('evertoken.refresh.request').map(({ parent, attributes }) => ({
      parent,
      status: attributes['http.response.status_code'],
      errand: attributes[ERRAND],
    }));
    expect(requests).toEqual([
      { parent: errand?.id, status: 503, errand: true },
      { parent: own?.id, status: 200, errand: undefined },
    ]);
    expect(own).toMatchObject({ isError: false, attributes: { [OUTCOME]: 'refreshed' } });
    expect(errand).toMatchObject({ isError: true, attributes: { [OUTCOME]: 'failed' } });
  });

  test('that nobody waits for any more, because the session ends or its manager is disposed of, are dropped', async () => {
    for (const how of ['endSession', 'dispose'] as const) {
      const { files, tokens, run, server, counted, clock } = await withErrands(...major);
      server.next({ delayMs: 50 });
      const asked = files.getAccessToken().catch(() => undefined);
      await clock.advance(10);
      await run(Promise.resolve(tokens[how]()));
      await run(asked);
      expect(await counted('evertoken.refresh.duration')).toMatchObject([{ [OUTCOME]: 'dropped', [ERRAND]: true }]);
      expect(await counted('evertoken.refresh.ends')).toEqual([]);
    }
  });
});
