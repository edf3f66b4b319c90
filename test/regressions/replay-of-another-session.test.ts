import { expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';
import { createWorld, STORAGE_SPEEDS } from '../support/world.js';

test.each(STORAGE_SPEEDS)(
  'a request of one session that meets a 401 is not replayed with the access token of the next: %s storage',
  async (storage) => {
    const world = createWorld({ storage });
    const { server } = world;
    const { tokens } = world.manager();
    const api = createFetch(tokens, {
      origins: [server.origin],
      // somebody else signs in while the request is on its way, and the old session is revoked
      fetch: async (input, init) => {
        if (server.apiRequests.length === 0) {
          server.revokeFamily();
          await tokens.startSession(server.signIn({ user: 'bob' }));
        }
        return server.fetch(input, init);
      },
    });
    await world.run(tokens.startSession(server.signIn({ user: 'ada' })));
    const response = await world.run(api(server.apiUrl, { method: 'POST', body: 'written by ada' }));
    expect(response.status).toBe(401);
    expect(server.apiRequests).toHaveLength(1);
    expect(server.tokenRequests).toHaveLength(0);
  },
);
