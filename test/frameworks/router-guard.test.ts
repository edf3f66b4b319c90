import { createMemoryRouter, type LoaderFunction } from 'react-router';
import { expect, onTestFinished, test, vi } from 'vitest';
import { signedIn as guard } from '../../examples/frameworks/router-guard.js';
import type { TokenManager } from '../../src/index.js';
import { signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

/** Opens `/orders?page=2` behind the guard; resolves when the router has arrived somewhere. */
async function open(tokens: TokenManager, loader?: LoaderFunction) {
  const routes = [
    { path: '/', loader: () => null },
    { path: '/sign-in', loader: () => null },
    { path: '/orders', loader: guard(tokens, loader) },
  ];
  const router = createMemoryRouter(routes);
  onTestFinished(() => router.dispose());
  router.initialize();
  await router.navigate('/orders?page=2');
  await expect.poll(() => router.state.navigation.state).toBe('idle');
  const { pathname, search } = router.state.location;
  return {
    at: pathname + search,
    data: Object.values(router.state.loaderData),
    errors: Object.values(router.state.errors ?? {}),
  };
}

test('S5: a guard of React Router lets in whoever is signed in, once that is known', async () => {
  const { world } = await signedIn();
  const { tokens } = world.manager(); // has not looked at the storage yet
  expect(await open(tokens, () => 'orders')).toMatchObject({ at: '/orders?page=2', data: ['orders'] });
});

test('S5: a guard of React Router sends everybody else to sign in, with the way back', async () => {
  const { tokens } = createWorld().manager();
  const loader = vi.fn();
  expect((await open(tokens, loader)).at).toBe('/sign-in?returnTo=%2Forders%3Fpage%3D2');
  expect(loader).not.toHaveBeenCalled();
});

test('S5: a guard of React Router sends nobody away because the storage fails', async () => {
  const world = createWorld();
  world.platform.storage.getItem = () => Promise.reject(new Error('locked'));
  const { at, errors } = await open(world.manager().tokens);
  expect([at, errors]).toMatchObject(['/orders?page=2', [{ code: 'ERR_STORAGE_READ' }]]);
});

test('S5: a session that ends while a loader asks leads to the sign-in, any other error to the page that shows it', async () => {
  const { tokens, server, run } = await signedIn();
  server.revokeFamily();
  const ended = await open(tokens, async () => {
    await run(tokens.refresh());
    return 'orders';
  });
  expect(ended.at).toMatch(/^\/sign-in/);
  const other = await signedIn();
  const failed = await open(other.tokens, () => Promise.reject(new Error('no orders')));
  expect(failed).toMatchObject({ at: '/orders?page=2', errors: [{ message: 'no orders' }] });
});
