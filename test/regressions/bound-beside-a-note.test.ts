import { expect, test } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import { forResource } from '../../src/integrations/oauth.js';
import { createWorld } from '../support/world.js';

const KEY = 'evertoken:session';

test('an access token for another API that comes with the note of a peer about the same tokens is known as bound', async () => {
  const world = createWorld();
  const refresh = Object.assign(async () => ({ access_token: 'unused' }), { forTargets: true as const });
  const { tokens } = world.manager({ refresh });
  const granted = { access_token: 'first', token_type: 'DPoP', expires_in: 600, refresh_token: 'r1' };
  await world.run(tokens.startSession(granted, { binding: 'key' }));
  const now = world.clock.now();
  const others = {
    'https://mail.test||': { accessToken: 'mail', scopes: [], issuedAt: now, expiresAt: now + 600_000 },
  };
  const record = JSON.parse(world.stored.get(KEY) ?? '');
  world.stored.set(KEY, JSON.stringify({ ...record, others, errands: 0, notes: 1 }));
  world.wakeups.fire();
  await world.clock.advance(10);
  const mail = forResource(tokens, { resource: 'https://mail.test' });
  expect(await world.run(mail.getAccessToken())).toBe('mail');
  expect(mail[hooks]?.bindingOf?.('mail')).toBe('key');
});
