import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fromStore, get } from 'svelte/store';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createSSRApp, h, nextTick } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { sessionStore } from '../../examples/frameworks/svelte.js';
import { useSession } from '../../examples/frameworks/vue.js';
import { countSubscribers } from '../support/count-subscribers.js';
import { signedIn } from '../support/signed-in.js';

/** Somebody is signed in, and it is counted who listens. */
async function watched() {
  const world = await signedIn();
  return { ...world, ...countSubscribers(world.tokens) };
}

test('S1, S3: Vue hydrates without a mismatch, follows the session, and leaves nothing behind', async () => {
  const warned = vi.spyOn(console, 'warn').mockReturnValue(undefined);
  const failed = vi.spyOn(console, 'error').mockReturnValue(undefined);
  onTestFinished(() => [warned, failed].forEach((spy) => void spy.mockRestore()));
  const { tokens, run, count } = await watched();
  const Status = {
    setup() {
      const session = useSession(tokens);
      return () => h('b', session.value?.status ?? 'loading');
    },
  };
  const html = await renderToString(createSSRApp(Status));
  expect(html).toBe('<b>loading</b>');
  expect(count()).toBe(0); // on a server nobody would let go of it

  const page = document.createElement('main');
  page.innerHTML = html;
  const app = createSSRApp(Status);
  app.mount(page);
  await nextTick();
  expect(page.textContent).toBe('active');
  await run(tokens.endSession());
  await nextTick();
  expect(page.textContent).toBe('none');
  app.unmount();
  expect(count()).toBe(0);
  expect([warned.mock.calls, failed.mock.calls]).toEqual([[], []]);
});

test('S3: a store of Svelte follows the session while somebody subscribes to it, also as a rune', async () => {
  const { tokens, run, count } = await watched();
  const session = sessionStore(tokens);
  expect(count()).toBe(0);
  const seen: string[] = [];
  const stop = session.subscribe(({ status }) => seen.push(status));
  await run(tokens.endSession());
  expect([seen.at(0), seen.at(-1)]).toEqual(['active', 'none']);
  stop();
  expect(count()).toBe(0);
  expect(get(session).status).toBe('none');
  expect(fromStore(session).current.status).toBe('none');
  expect(count()).toBe(0);
});

/** What Solid is in a page; in Node its package gives what it is on a server. */
async function solidInPage(): Promise<
  Pick<typeof import('solid-js'), 'createRoot'> & typeof import('../../examples/frameworks/solid.js')
> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-solid-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const outfile = join(folder, 'solid.cjs');
  const contents = `export { createRoot } from 'solid-js'; export * from './examples/frameworks/solid.js';`;
  const resolveDir = join(import.meta.dirname, '../..');
  await build({
    stdin: { contents, resolveDir },
    outfile,
    bundle: true,
    format: 'cjs',
    conditions: ['browser'],
    logLevel: 'error',
  });
  return createRequire(import.meta.filename)(outfile);
}

test('S3: a signal of Solid follows the session for as long as its owner lives', async () => {
  const { createRoot, createSession } = await solidInPage();
  const { tokens, run, count } = await watched();
  const { session, dispose } = createRoot((dispose) => ({ session: createSession(tokens), dispose }));
  expect([session().status, count()]).toEqual(['active', 1]);
  await run(tokens.endSession());
  expect(session().status).toBe('none');
  dispose();
  expect(count()).toBe(0);
});
