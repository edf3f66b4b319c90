import { describe, expect, type Mock, test, vi } from 'vitest';
import type { RefreshTokens, TokenResponse } from '../../src/index.js';
import { createWorld } from '../support/world.js';

const HOUR = 3_600_000;
const wanting = (claims: string) => ({ scheme: 'bearer', parameters: { error: 'insufficient_claims', claims } });

const answer = (name: string): TokenResponse => ({
  access_token: `access-token-${name}`,
  refresh_token: `refresh-token-${name}`,
  expires_in: 3600,
});

/** Two tabs; each answer of the endpoint takes 50 ms and names the claims that were asked for. */
async function start() {
  const world = createWorld();
  const refresh: Mock<RefreshTokens> = vi.fn(async ({ challenge }) => {
    const { length } = refresh.mock.calls;
    await new Promise<void>((resolve) => world.clock.after(50, resolve));
    return answer(`${challenge?.parameters.claims ?? 'plain'}-${length}`);
  });
  const [{ tokens }, { tokens: peer }] = [world.manager({ refresh }), world.manager({ refresh })];
  await world.run(tokens.startSession(answer('first')));
  await world.run(peer.ready());
  const asked = () => refresh.mock.calls.map(([{ challenge }]) => challenge?.parameters.claims);
  return { world, refresh, tokens, peer, asked };
}

describe('J43: a claims challenge is tried by one refresh with the claims, which no refresh without them can stand in for', () => {
  test('a refresh under way without them is waited for, then another is made', async () => {
    const { world, tokens, asked } = await start();
    const plain = tokens.refresh();
    await world.clock.advance(10);
    const token = tokens.replaceAccessToken('access-token-first', { challenge: wanting('cae') });
    await world.run(plain);
    expect(await world.run(token)).toBe('access-token-cae-2');
    expect(asked()).toEqual([undefined, 'cae']);
  });

  test('any number of requests with the same claims share one refresh, whoever came first', async () => {
    const { world, tokens, asked } = await start();
    const plain = tokens.refresh();
    await world.clock.advance(10);
    const replace = () => tokens.replaceAccessToken('access-token-first', { challenge: wanting('cae') });
    const replaced = await world.run(Promise.all(Array.from({ length: 20 }, replace)));
    await world.run(plain);
    expect(new Set(replaced)).toEqual(new Set(['access-token-cae-2']));
    expect(await world.run(replace()), 'one that comes late').toBe('access-token-cae-2');
    expect(asked()).toEqual([undefined, 'cae']);
  });

  test('other claims are other claims', async () => {
    const { world, tokens, asked } = await start();
    const replace = (claims: string) => tokens.replaceAccessToken('access-token-first', { challenge: wanting(claims) });
    const both = await world.run(Promise.all([replace('one'), replace('two')]));
    expect(both).toEqual(['access-token-one-1', 'access-token-two-2']);
    expect(asked()).toEqual(['one', 'two']);
  });

  test('who wants no claims is content with a refresh that asks for some', async () => {
    const { world, tokens, asked } = await start();
    const replace = (challenge = {}) => tokens.replaceAccessToken('access-token-first', challenge);
    const both = await world.run(Promise.all([replace({ challenge: wanting('cae') }), replace()]));
    expect(both).toEqual(Array(2).fill('access-token-cae-1'));
    expect(asked()).toEqual(['cae']);
  });

  test('neither can a token that came meanwhile, here or in another tab', async () => {
    const { world, tokens, peer, asked } = await start();
    await world.run(tokens.refresh());
    const options = { challenge: wanting('cae') };
    expect(await world.run(tokens.replaceAccessToken('access-token-first', options))).toBe('access-token-cae-2');
    world.platform.channel.announce = () => undefined;
    await world.run(peer.refresh());
    expect(asked()).toEqual([undefined, 'cae', undefined]);
    expect(await world.run(tokens.replaceAccessToken('access-token-cae-2', options))).toBe('access-token-cae-4');
  });

  test('a challenge that was answered is in no later request', async () => {
    const { world, tokens, asked } = await start();
    await world.run(tokens.replaceAccessToken('access-token-first', { challenge: wanting('cae') }));
    await world.clock.advance(HOUR);
    await world.run(tokens.getAccessToken());
    await world.run(tokens.refresh());
    expect(asked()).toEqual(['cae', undefined, undefined]);
  });

  test('a refresh under way that fails is told to all who wait, and is not followed by another at once', async () => {
    const { world, refresh, tokens, asked } = await start();
    refresh.mockImplementation(async () => new Response(null, { status: 400 }));
    const plain = tokens.refresh();
    const token = world.failure(tokens.replaceAccessToken('access-token-first', { challenge: wanting('cae') }));
    expect((await world.failure(plain)).code).toBe((await token).code);
    expect(new Set(asked())).toEqual(new Set([undefined]));
  });
});
