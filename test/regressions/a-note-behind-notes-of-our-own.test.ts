import { expect, test } from 'vitest';
import type { RefreshTokens } from '../../src/index.js';
import { forResource } from '../../src/integrations/oauth.js';
import { createWorld } from '../support/world.js';

const [mail, files] = [{ resource: 'https://mail.test' }, { resource: 'https://files.test' }];

test('a pause that a peer has noted for an API is kept by a page that could not store notes of its own', async () => {
  const world = createWorld();
  const asked: string[] = [];
  const refresh: RefreshTokens = async ({ target }) => {
    asked.push(target?.resource ?? '');
    return new Response('', { status: 502 });
  };
  const options = { refresh: Object.assign(refresh, { forTargets: true as const }), retry: { attempts: 1 } };
  const { storage } = world.platform;
  let isFull = false;
  const setItem = (key: string, text: string) =>
    isFull ? Promise.reject(new Error('the disk is full')) : storage.setItem(key, text);
  const { tokens } = world.manager({
    ...options,
    platform: { ...world.platform, storage: { ...storage, getItem: (key) => storage.getItem(key), setItem } },
  });
  const { tokens: peer } = world.manager(options);
  await world.run(tokens.startSession({ access_token: 'first', expires_in: 600, refresh_token: 'r1' }));
  await world.run(peer.ready());

  isFull = true;
  for (let i = 0; i < 3; i++) {
    await world.failure(forResource(tokens, mail).getAccessToken());
    await world.clock.advance(5_000);
  }
  await world.failure(forResource(peer, files).getAccessToken());
  const { length } = asked;

  expect(await world.failure(forResource(tokens, files).getAccessToken())).toMatchObject({
    code: 'ERR_REFRESH_UNAVAILABLE',
  });
  expect(asked.slice(length)).toEqual([]);
});
