import axe from 'axe-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFetch, createTokenManager } from '../../src/index.js';
import { type DevtoolsElement, defineDevtools, showDevtools, withDevtools } from '../../src/integrations/devtools.js';
import { createAuthServer } from '../../src/testing.js';

const removals: (() => void)[] = [];

afterEach(() => {
  for (const remove of removals.splice(0)) remove();
  vi.useRealTimers();
  document.documentElement.removeAttribute('dir');
  Reflect.deleteProperty(document, 'visibilityState');
});

/** A signed-in manager with its devtools in this page. */
async function shown(options: { open?: boolean; plain?: boolean } = {}) {
  const server = createAuthServer({ accessTokenLifetimeMs: 600_000 });
  const create = options.plain ? createTokenManager : withDevtools(createTokenManager);
  const tokens = create({
    refresh: ({ refreshToken = '', signal }) =>
      server.fetch(server.tokenUrl, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
        signal,
      }),
    retry: { attempts: 1 },
  });
  const first = server.signIn({ scope: 'openid orders', claims: { nickname: 'countess' } });
  await tokens.startSession(first);
  const target = document.createElement('main');
  document.body.append(target);
  const remove = showDevtools(tokens, { target, open: options.open ?? true, title: 'Session' });
  removals.push(remove, tokens.dispose, () => target.remove());
  const element = target.querySelector('evertoken-devtools') as DevtoolsElement;
  return { ...view(element), server, tokens, element, remove, first, target };
}

/** What a user finds in the panel. */
function view(element: DevtoolsElement) {
  const root = element.shadowRoot as ShadowRoot;
  const buttons = () => [...root.querySelectorAll('button')].filter((button) => button.checkVisibility());
  return {
    root,
    buttons,
    button: (name: string) =>
      buttons().find((button) => (button.getAttribute('aria-label') ?? button.textContent) === name) ??
      expect.fail(`there is no button ${name}`),
    see: (text: string | RegExp) =>
      vi.waitFor(() => expect(root.querySelector('section')?.textContent).toMatch(text), { timeout: 10_000 }),
  };
}

/** Everything that anybody could read in the panel, text, attributes and properties. */
function everything(root: ShadowRoot): string {
  const values = [...root.querySelectorAll('*')].flatMap((node) => [
    ...[...node.attributes].map(({ value }) => value),
    String((node as HTMLInputElement).value ?? ''),
  ]);
  return `${root.innerHTML} ${values.join(' ')} ${[...root.adoptedStyleSheets].map(({ cssRules }) => [...cssRules].map(({ cssText }) => cssText).join()).join()}`;
}

describe('R1: they show no token', () => {
  test('whatever happens, no part of one is in the shadow tree, folded claims and report included', async () => {
    const { root, tokens, server, see, button, first } = await shown();
    const secrets = [first.access_token, first.refresh_token, first.id_token];
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    const written = vi.fn().mockResolvedValue(undefined);
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: written }, configurable: true });
    server.revokeAccessTokens();
    await api(`${server.apiUrl}/secret-path`);
    secrets.push(await tokens.getAccessToken());
    server.next({ status: 503 });
    await tokens.refresh().catch(() => undefined);
    root.querySelector('details')?.setAttribute('open', '');
    await see('countess');
    button('Copy report').click();
    await see('Copied');
    secrets.push(...server.tokenRequests.map(({ refreshToken }) => refreshToken));
    const text = `${everything(root)} ${String(written.mock.calls)}`;
    expect(secrets.filter(Boolean).length).toBeGreaterThan(4);
    for (const secret of secrets) {
      for (let at = 0; secret && at + 12 <= secret.length; at += 4) {
        if (/^(access|refresh)/.test(secret.slice(at))) continue;
        expect(text).not.toContain(secret.slice(at, at + 12));
      }
    }
    expect(text).not.toContain('secret-path');
    root.querySelector('details')?.removeAttribute('open');
    await vi.waitFor(() => expect(everything(root)).not.toContain('countess'), { timeout: 15_000 });
  });
});

describe("R2: they work under `style-src 'none'`, in a shadow tree, light and dark, by keyboard, with axe-core silent", () => {
  test("they are styled and complete where the page's policy is style-src 'none'", async () => {
    const frame = document.createElement('iframe');
    frame.srcdoc = `<!doctype html><html lang="en"><meta http-equiv="Content-Security-Policy" content="style-src 'none'"><title>strict</title><body>
      <script>window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));</script>
      <script type="module">
        import { showDevtools } from '${new URL('../../src/integrations/devtools.ts', import.meta.url).pathname}';
        import { createTokenManager } from '${new URL('../../src/index.ts', import.meta.url).pathname}';
        const tokens = createTokenManager({ refresh: async () => ({ access_token: 'a' }) });
        await tokens.startSession({ access_token: 'a', refresh_token: 'r', expires_in: 600 });
        showDevtools(tokens, { open: true });
        document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { color: red }' }));
        window.isReady = true;
      </script>`;
    document.body.append(frame);
    removals.push(() => frame.remove());
    const inside = () => frame.contentWindow as unknown as { isReady?: true; violations: string[] } & typeof window;
    await vi.waitFor(() => expect(inside().isReady).toBe(true), { timeout: 30_000 });
    const root = inside().document.querySelector('evertoken-devtools')?.shadowRoot;
    const over = root?.querySelector('.over') as HTMLElement;
    const styleOf = (node: Element | null | undefined) => inside().getComputedStyle(node as Element);
    expect(styleOf(root?.host).position).toBe('fixed');
    expect(styleOf(root?.querySelector('section')).display).toBe('flex');
    expect(over.style.cssText === '' && styleOf(over).position).toBe('absolute');
    expect(styleOf(root?.querySelector('.bar')).getPropertyValue('--stale-from')).toMatch(/^80/);
    // the policy is alive: it refused the one <style> that the page itself has tried
    await vi.waitFor(() => expect(inside().violations.length).toBeGreaterThan(0), { timeout: 15_000 });
    expect(inside().violations).toHaveLength(1);
  });

  test('no style of the page reaches them, and none of theirs the page', async () => {
    const style = document.createElement('style');
    style.textContent = 'button, section, * { display: none !important; color: rgb(1, 2, 3) !important }';
    const { root, target, tokens } = await shown();
    document.head.append(style);
    removals.push(() => style.remove());
    expect(getComputedStyle(root.querySelector('section') as Element).display).toBe('flex');
    expect(getComputedStyle(target).position).toBe('static');
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test.each(['light', 'dark'])('text has its contrast in %s, and axe-core finds nothing', async (scheme) => {
    const { element, see, button } = await shown();
    document.documentElement.lang = 'en';
    element.style.colorScheme = scheme;
    button('Lost').click();
    button('Refresh now').click();
    await see('refreshFailed');
    const { violations } = await axe.run(element, { rules: { region: { enabled: false } } });
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    const [text, back] = ['color', 'background-color'].map((name) =>
      getComputedStyle(view(element).root.querySelector('section') as Element).getPropertyValue(name),
    );
    expect(luminance(text) > luminance(back)).toBe(scheme === 'dark');
    expect(contrast(text, back)).toBeGreaterThan(7);
    const close = (await shown({ open: false })).element;
    expect((await axe.run(close)).violations).toEqual([]);
  });

  test('they follow the system where nothing else is said, although all: initial resets that', async () => {
    const { element } = await shown();
    expect(getComputedStyle(element).colorScheme).toBe('light dark');
  });

  test('a keyboard opens, uses and closes them, and the focus is never lost', async () => {
    const { root, button, buttons, see } = await shown({ open: false });
    const press = (key: string) =>
      root.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }));
    const [toggle] = buttons();
    toggle?.focus();
    toggle?.click();
    expect(root.activeElement?.getAttribute('aria-label')).toBe('Close');
    expect(buttons().every(({ tabIndex, disabled }) => tabIndex === 0 && !disabled)).toBe(true);
    button('Offline').focus();
    button('Offline').click();
    expect(button('Offline').getAttribute('aria-pressed')).toBe('true');
    button('Refresh now').focus();
    button('Refresh now').click();
    await see('Refreshing fails');
    expect(root.activeElement?.textContent).toBe('Refresh now');
    press('Escape');
    expect([root.querySelector('section')?.hidden, root.activeElement]).toEqual([true, toggle]);
  });

  test('on a narrow page, from right to left and with large letters, nothing is cut off', async () => {
    const { root, element } = await shown();
    const section = root.querySelector('section') as HTMLElement;
    document.documentElement.dir = 'rtl';
    expect(getComputedStyle(element).direction).toBe('rtl');
    expect(section.getBoundingClientRect().left).toBeLessThan(40);
    for (const width of ['320px', '360px', '430px']) {
      section.style.inlineSize = width;
      section.style.fontSize = '26px';
      expect(section.scrollWidth).toBeLessThanOrEqual(section.clientWidth);
    }
    section.style.fontSize = '';
    const bar = root.querySelector('.bar') as HTMLElement;
    const late = root.querySelector('.late') as HTMLElement;
    expect(late.getBoundingClientRect().left).toBeLessThan(bar.getBoundingClientRect().left + 3);
  });
});

describe('R4: closed or hidden they cost nothing but a ring of events', () => {
  test('closed they have nothing in the page but their button, and no timer', async () => {
    const timers = vi.spyOn(globalThis, 'setInterval');
    const channels = vi.spyOn(globalThis, 'BroadcastChannel');
    const { root, tokens } = await shown({ open: false });
    const before = root.innerHTML;
    await tokens.refresh();
    expect(root.innerHTML).toBe(before);
    expect(root.querySelectorAll('section *')).toHaveLength(4);
    expect([timers.mock.calls.length, channels.mock.calls.length]).toEqual([0, 0]);
    timers.mockRestore();
    channels.mockRestore();
  });

  test('they draw at most twice a second, not in a hidden page, and not after they were closed or removed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { tokens, element, remove } = await shown();
    const draws = vi.spyOn(tokens, 'getSnapshot');
    const drawsIn = (ms: number) => {
      draws.mockClear();
      vi.advanceTimersByTime(ms);
      return draws.mock.calls.length;
    };
    const setVisibility = (value: DocumentVisibilityState) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    };
    const perDraw = drawsIn(500);
    expect(perDraw).toBeGreaterThan(0);
    for (let count = 0; count < 100; count++) await tokens.refresh();
    expect(drawsIn(10_000)).toBe(20 * perDraw);
    setVisibility('hidden');
    expect(drawsIn(10_000)).toBe(0);
    setVisibility('visible');
    expect(drawsIn(1_000)).toBe(2 * perDraw);
    element.open = false;
    expect(drawsIn(10_000)).toBe(0);
    element.open = true;
    remove();
    expect(drawsIn(10_000)).toBe(0);
  });

  test('opening and looking neither loads a session nor asks the server', async () => {
    const getItem = vi.fn().mockReturnValue(null);
    const { inProcess } = await import('../../src/index.js');
    const refresh = vi.fn();
    const tokens = createTokenManager({
      refresh,
      platform: { ...inProcess(), storage: { getItem, setItem: () => undefined, removeItem: () => undefined } },
    });
    const remove = showDevtools(tokens, { open: true });
    removals.push(remove, tokens.dispose);
    const { see } = view(document.querySelector('body > evertoken-devtools') as DevtoolsElement);
    await see('Not loaded yet');
    expect([getItem.mock.calls.length, refresh.mock.calls.length]).toEqual([0, 0]);
  });
});

describe('R5: what they simulate the manager really meets', () => {
  test('each button breaks what it says, once or until it is pressed again', async () => {
    const { button, see, tokens, server } = await shown();
    button('503').click();
    button('Refresh now').click();
    await see('Refreshing fails');
    expect(server.tokenRequests).toHaveLength(0);
    expect(button('503').getAttribute('aria-pressed')).toBe('false');
    button('Refresh now').click();
    await see(/Refreshed after .* because refresh\(\) was called/);
    expect(server.tokenRequests).toHaveLength(1);
    button('Expire now').click();
    await see(/Refreshing, attempt 1, because the access token has expired/);
    await see('10 min ahead');
    await see('Fresh');
    expect(server.tokenRequests).toHaveLength(2);
    expect(await tokens.getAccessToken()).toBeTruthy();
    button('Grant over').click();
    button('Refresh now').click();
    await see('Nobody is signed in');
  });

  test('a manager that was not made for them is shown all the same, with a hint', async () => {
    const { see, buttons } = await shown({ plain: true });
    await see('withDevtools');
    expect(buttons().map(({ textContent }) => textContent)).toEqual([
      '✕',
      'Refresh now',
      'Sign out everywhere',
      'Copy report',
    ]);
  });
});

test('events are told in sentences, newest first, and can be filtered by their type', async () => {
  const { root, tokens, see } = await shown();
  await tokens.refresh();
  await tokens.refresh();
  await see(/Refreshed after/);
  const items = () => [...root.querySelectorAll('ol li')].map(({ textContent }) => textContent ?? '');
  expect(items()[0]).toMatch(/refreshed.*Refreshed after/);
  expect(items().at(-1)).toMatch(/sessionStarted.*Somebody signed in\./);
  const filter = root.querySelector('select') as HTMLSelectElement;
  filter.value = 'sessionStarted';
  filter.dispatchEvent(new Event('change'));
  expect(items()).toHaveLength(1);
  await tokens.refresh();
  await see('1 of 7');
});

test('open devtools of other tabs are listed, with the one that refreshed', async () => {
  const { see } = await shown();
  await see('None.');
  const other = await shown();
  await other.tokens.refresh();
  const frame = new BroadcastChannel('evertoken:devtools');
  frame.postMessage({
    kind: 'here',
    id: 'other',
    sessionId: undefined,
    status: 'active',
    visible: false,
    refreshedAt: 1,
  });
  await see(/Hidden, session active, refreshed at/);
  frame.postMessage({ kind: 'gone', id: 'other' });
  await see('None.');
  frame.close();
});

test('the element can be written in a page, before or after it is defined', async () => {
  const tokens = createTokenManager({ refresh: async () => ({ access_token: 'a' }) });
  const element = document.createElement('evertoken-devtools') as DevtoolsElement;
  element.tokens = tokens;
  element.open = true;
  element.setAttribute('heading', 'Mine');
  document.body.append(element);
  defineDevtools();
  defineDevtools();
  removals.push(() => element.remove(), tokens.dispose);
  await view(element).see(/Mine[\s\S]*Not loaded yet/);
  expect([element.heading, element.open]).toEqual(['Mine', true]);
});

test('removed they leave nothing behind', async () => {
  const { remove, target, tokens } = await shown({ plain: true });
  remove();
  expect(target.childElementCount).toBe(0);
  await tokens.refresh();
  remove();
});

function luminance(color = ''): number {
  const [red = 0, green = 0, blue = 0] = [...color.matchAll(/[\d.]+/g)].map(([part]) => {
    const share = Number(part) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one = '', other = ''): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((first, second) => first - second);
  return (light + 0.05) / (dark + 0.05);
}
