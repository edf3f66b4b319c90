import { expect, test } from 'vitest';
import type { RefreshTokens } from '../../src/index.js';
import { forResource } from '../../src/integrations/oauth.js';
import { createWorld, type World } from '../support/world.js';

const KEY = 'evertoken:session';
const HOUR = 3_600_000;
const refused = () => Response.json({ error: 'invalid_grant' }, { status: 400 });

/** A peer that holds the lock as well notes that its errand for another target was refused. */
function noteOfPeer({ stored }: World): void {
  const { notes = 0, ...record } = JSON.parse(stored.get(KEY) ?? '');
  stored.set(KEY, JSON.stringify({ ...record, notes: notes + 1 }));
}

function home(answer: (isErrand: boolean) => unknown) {
  const world = createWorld();
  const asked: string[] = [];
  const refresh: RefreshTokens = async ({ refreshToken = '', target }) => {
    asked.push(`${refreshToken} ${target?.resource ?? ''}`.trim());
    if (asked.length < 5) noteOfPeer(world);
    return answer(target !== undefined) as Response;
  };
  const { tokens } = world.manager({ refresh: Object.assign(refresh, { forTargets: true as const }) });
  const start = world.run(tokens.startSession({ access_token: 'first', expires_in: 600, refresh_token: 'r1' }));
  return { world, asked, tokens, start };
}

test('a refused refresh token is not presented again because a peer has noted something about another target', async () => {
  const { world, asked, tokens, start } = home(refused);
  await start;
  await world.clock.advance(HOUR);
  expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  expect(asked).toEqual(['r1']);
  expect(world.stored.has(KEY)).toBe(false);
});

test('a refused errand asks once, and then the session, whatever a peer notes meanwhile', async () => {
  const granted = { access_token: 'second', expires_in: 600, refresh_token: 'r2' };
  const { world, asked, tokens, start } = home((isErrand) => (isErrand ? refused() : granted));
  await start;
  const mail = forResource(tokens, { resource: 'https://mail.test' });
  expect(await world.failure(mail.getAccessToken())).toMatchObject({ oauthError: 'invalid_grant' });
  expect(asked).toEqual(['r1 https://mail.test', 'r1']);
  expect(await world.run(tokens.getAccessToken())).toBe('second');
});

test('a refused refresh token ends no session in which a peer has stored another one beside its note', async () => {
  const { world, asked, tokens, start } = home(() => {
    if (asked.length > 1) return { access_token: 'third', expires_in: 600, refresh_token: 'r3' };
    const record = JSON.parse(world.stored.get(KEY) ?? '');
    world.stored.set(KEY, JSON.stringify({ ...record, accessToken: 'other', refreshToken: 'r2' }));
    return refused();
  });
  await start;
  await world.clock.advance(HOUR);
  expect(await world.run(tokens.getAccessToken())).toBe('third');
  expect(asked).toEqual(['r1', 'r2']);
});
