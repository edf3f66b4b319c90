import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isTokenError, type SessionSnapshot, type TokenManager } from '../../src/index.js';
import { countSubscribers } from '../support/count-subscribers.js';
import { loadReact18, type ReactMajor, react19 } from '../support/react.js';
import { signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);

const MAJORS: [string, ReactMajor][] = [
  ['React 19', react19],
  ['React 18', await loadReact18()],
];

/** What React says on the console, which is where it tells of mistakes. */
function listenToReact(): unknown[][] {
  const said: unknown[][] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((...words) => void said.push(words));
  onTestFinished(() => spy.mockRestore());
  return said;
}

describe.each(MAJORS)('with %s', (name, { react, client, server, hooks }) => {
  const { act, createElement, StrictMode, Suspense } = react;
  const { SessionProvider, useSession, useTokens, whenReady } = hooks;
  const version = Number(name.slice(-2));
  // React 18 has `act` in its test utilities, and our type is that of 19
  const inAct: typeof act = act ?? (react as unknown as { unstable_act: typeof act }).unstable_act;

  function mount() {
    const page = document.createElement('main');
    const root = client.createRoot(page);
    const render = (element: React.ReactNode) => inAct(async () => root.render(element));
    return { page, root, render };
  }

  /** A component that shows what it selects, and counts how often it was rendered. */
  function shows<T>(select?: (session: SessionSnapshot) => T) {
    const renders = { count: 0, seen: [] as unknown[] };
    const Shown = () => {
      const value: unknown = select ? useSession(select) : useSession();
      renders.count++;
      renders.seen.push(value);
      return createElement('b', null, JSON.stringify(value));
    };
    return { renders, Shown };
  }

  test(`it is ${name} indeed`, () => {
    expect(react.version).toMatch(new RegExp(`^${version}\\.`));
  });

  test('S1: what a server renders and what a page renders first agree, also where the session is loaded already', async () => {
    const said = listenToReact();
    const { tokens } = await signedIn();
    const { Shown, renders } = shows(({ status }) => status);
    const app = createElement(SessionProvider, { tokens }, createElement(Shown));
    const html = server.renderToString(app);
    expect(html).toBe('<b>&quot;loading&quot;</b>');
    expect(tokens.getSnapshot().status).toBe('active');

    const page = document.createElement('main');
    page.innerHTML = html;
    const before = page.querySelector('b');
    const recovered: unknown[] = [];
    renders.seen.length = 0;
    let root: ReturnType<typeof client.hydrateRoot> | undefined;
    await inAct(async () => {
      root = client.hydrateRoot(page, app, { onRecoverableError: (error) => recovered.push(error) });
    });
    expect(renders.seen[0]).toBe('loading');
    expect(page.textContent).toBe('"active"');
    expect(page.querySelector('b')).toBe(before); // kept, not thrown away
    expect([recovered, said]).toEqual([[], []]);
    await inAct(async () => root?.unmount());
  });

  test('S1: the recipe without a constant snapshot is what hydration fails with', async () => {
    listenToReact();
    const { tokens } = await signedIn();
    const Naive = () =>
      createElement(
        'b',
        null,
        react.useSyncExternalStore(tokens.subscribe, tokens.getSnapshot, tokens.getSnapshot).status,
      );
    const page = document.createElement('main');
    page.innerHTML = '<b>loading</b>';
    const recovered: unknown[] = [];
    let root: ReturnType<typeof client.hydrateRoot> | undefined;
    await inAct(async () => {
      root = client.hydrateRoot(page, createElement(Naive), { onRecoverableError: (error) => recovered.push(error) });
    });
    expect(recovered).not.toEqual([]);
    await inAct(async () => root?.unmount());
  });

  test('S2: a component is rendered only when what it selected changes, and a refresh renders none that selected status', async () => {
    const { tokens, run, server: auth } = await signedIn();
    const status = shows((session) => session.status);
    const scopes = shows((session) => session.scopes.filter((scope) => scope !== 'openid'));
    const all = shows();
    const { render, root, page } = mount();
    const tree = [status, scopes, all].map(({ Shown }, key) => createElement(Shown, { key }));
    await render(createElement(SessionProvider, { tokens }, ...tree));
    expect(page.textContent).toContain('"active"["mail"]');
    const before = [status.renders.count, scopes.renders.count, all.renders.count];

    await inAct(() => run(tokens.refresh()));
    expect([status.renders.count, scopes.renders.count]).toEqual(before.slice(0, 2));
    expect(all.renders.count).toBeGreaterThan(before[2] ?? 0);

    auth.revokeFamily();
    await inAct(() => run(tokens.refresh().catch(() => undefined)));
    expect(page.textContent).toContain('"none"[]');
    expect(status.renders.count).toBe((before[0] ?? 0) + 1);
    await inAct(() => run(tokens.startSession(auth.signIn({ scope: 'openid mail' }))));
    expect(page.textContent).toContain('"active"["mail"]');
    await inAct(async () => root.unmount());
  });

  test('S2: a function that is written anew in each rendering, and closes over props, is followed', async () => {
    const { tokens } = await signedIn();
    const Has = ({ scope }: { scope: string }) =>
      createElement('b', null, String(useSession((session) => [session.scopes.includes(scope)])[0]));
    const { render, root, page } = mount();
    for (const [scope, expected] of [
      ['mail', 'true'],
      ['admin', 'false'],
    ] as const) {
      await render(createElement(SessionProvider, { tokens }, createElement(Has, { scope })));
      expect(page.textContent).toBe(expected);
    }
    await inAct(async () => root.unmount());
  });

  test('S2: a selection that is a new object each time neither loops nor makes React complain', async () => {
    const said = listenToReact();
    const { tokens, run } = await signedIn();
    const { Shown, renders } = shows(({ status, refreshing }) => ({ status, refreshing }));
    const { render, root } = mount();
    await render(createElement(SessionProvider, { tokens }, createElement(Shown)));
    await inAct(() => run(tokens.refresh()));
    expect(renders.count).toBeLessThan(10);
    expect(said).toEqual([]);
    await inAct(async () => root.unmount());
  });

  test('S3: StrictMode, unmounting and another manager leave nothing behind', async () => {
    const { tokens: one, platform, manager } = await signedIn();
    const first = countSubscribers(one);
    const second = countSubscribers(manager({ platform, key: 'second' }).tokens);
    const { Shown } = shows(({ status }) => status);
    const app = (tokens: TokenManager) =>
      createElement(StrictMode, null, createElement(SessionProvider, { tokens }, createElement(Shown)));
    const { render, root, page } = mount();
    await render(app(first.tokens));
    expect([first.count(), page.textContent]).toEqual([1, '"active"']);
    // what hot reload does: the module is evaluated anew, and hands in another manager
    await render(app(second.tokens));
    expect([first.count(), second.count(), page.textContent]).toEqual([0, 1, '"none"']);
    await inAct(async () => root.unmount());
    expect([first.count(), second.count()]).toEqual([0, 0]);
    expect(() => second.tokens.getSnapshot()).not.toThrow();
    expect(one.getSnapshot().status).toBe('active'); // nobody disposed it
  });

  test('commands are given through the manager, and what they change is shown', async () => {
    const { tokens, run } = await signedIn();
    const SignOut = () => {
      const tokens = useTokens();
      return createElement(
        'button',
        { onClick: () => void run(tokens.endSession()) },
        useSession(({ status }) => status),
      );
    };
    const { render, root, page } = mount();
    await render(createElement(SessionProvider, { tokens }, createElement(SignOut)));
    expect(page.textContent).toBe('active');
    document.body.append(page);
    await inAct(async () => page.querySelector('button')?.click());
    expect(page.textContent).toBe('none');
    page.remove();
    await inAct(async () => root.unmount());
  });

  test('without a SessionProvider the error says what is missing', () => {
    const { Shown } = shows();
    let error: unknown;
    try {
      server.renderToString(createElement(Shown));
    } catch (thrown) {
      error = thrown;
    }
    expect(isTokenError(error) && error.code).toBe('ERR_OPTIONS');
    expect(String(error)).toContain('<SessionProvider tokens={…}>');
  });

  test('whenReady resolves as soon as it is known whether there is a session, and is the same promise for a manager', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = countSubscribers(world.manager().tokens);
    const ready = whenReady(tokens);
    expect(whenReady(tokens)).toBe(ready);
    expect(tokens.getSnapshot().status).toBe('loading');
    await world.run(ready);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(whenReady(tokens)).toBe(ready);
  });

  test('whenReady stops listening when it has resolved, and resolves also where the storage cannot be read', async () => {
    const world = createWorld();
    world.platform.storage.getItem = () => Promise.reject(new Error('locked'));
    const counted = countSubscribers(world.manager().tokens);
    await world.run(whenReady(counted.tokens));
    expect(counted.tokens.getSnapshot().error?.code).toBe('ERR_STORAGE_READ');
    expect(counted.count()).toBe(0);
    const loaded = countSubscribers((await signedIn()).tokens);
    await whenReady(loaded.tokens);
    expect(loaded.count()).toBe(0);
  });

  const testUse = version < 19 ? () => undefined : test; // `use` came with 19
  testUse('under Suspense nothing is shown before it is known whether somebody is signed in', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const { Shown, renders } = shows(({ status }) => status);
    const Gate = () => {
      react.use(whenReady(tokens));
      return createElement(Shown);
    };
    const { render, root, page } = mount();
    await render(
      createElement(SessionProvider, { tokens }, createElement(Suspense, { fallback: 'waiting' }, createElement(Gate))),
    );
    expect(page.textContent).toBe('waiting');
    await inAct(() => world.run(whenReady(tokens)));
    expect(page.textContent).toBe('"none"');
    expect(renders.seen).not.toContain('loading');
    await inAct(async () => root.unmount());
  });
});
