import { expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';

const URL_ = 'https://api.test/things';

test.each<[string, RequestInit | undefined]>([
  ['without init', undefined],
  ['with an empty init', {}],
  ['with an init that says nothing', { signal: undefined } as unknown as RequestInit],
  ['with an init that makes fetch forget it', { cache: 'no-store' }],
  ['with an init of its own', { referrerPolicy: 'origin', referrer: '/page' }],
])('F8: what a Request says of its referrer holds as it does for fetch, %s', async (_, init) => {
  const sent: string[][] = [];
  const read = (...args: Parameters<typeof fetch>) => {
    const { referrer, referrerPolicy } = new Request(...args);
    return [referrer, referrerPolicy];
  };
  const send: typeof fetch = async (...args) => {
    sent.push(read(...args));
    return new Response(null, { status: sent.length === 1 ? 401 : 200 });
  };
  const tokens = { getAccessToken: async () => 'access-1', replaceAccessToken: async () => 'access-2' };
  const request = () => new Request(URL_, { method: 'POST', body: 'x', referrer: '', referrerPolicy: 'no-referrer' });
  await createFetch(tokens, { origins: ['https://api.test'], fetch: send })(request(), init);
  expect(sent).toEqual(Array(2).fill(read(request(), init)));
});
