import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type LoopbackSignInOptions, loopbackSignIn } from '../../src/integrations/loopback.js';
import { freePort } from '../support/free-port.js';
import { type SignInWorld, signInWorld } from '../support/sign-in-world.js';

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

/** The user's browser: signs in, comes back, and keeps what it was shown. */
function browser(world: SignInWorld, pages: { status: number; text: string }[] = []) {
  const shown: Promise<void>[] = [];
  const visit = (url: string) => {
    const showing = fetch(url).then(async (response) => {
      pages.push({ status: response.status, text: await response.text() });
    });
    shown.push(showing);
    return showing;
  };
  return {
    /** What was shown, when all of it has been. */
    async seen() {
      await Promise.all(shown);
      return pages;
    },
    visit,
    open: async (url: string) => visit(await world.visit(url)),
  };
}

function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

const isFree = (port: number, host = '127.0.0.1') =>
  new Promise<boolean>((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

describe('signing in on this machine', () => {
  test('J17: a free port of 127.0.0.1, the page is told to the end, and the port is free again', async () => {
    const world = signInWorld();
    const page = world.page();
    const user = browser(world);
    const seen: string[] = [];
    await loopbackSignIn(page.signIn, {
      open: (url) => {
        seen.push(url);
        return user.open(url);
      },
    });
    expect(page.tokens.getSnapshot().status).toBe('active');
    expect(await user.seen()).toEqual([{ status: 200, text: expect.stringContaining('You are signed in') }]);
    const { redirect_uri: redirectUri = '' } = world.server.tokenRequests[0]?.parameters ?? {};
    expect(redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect(await isFree(Number(new URL(redirectUri).port))).toBe(true);
    expect(seen).toHaveLength(1);
  });

  test('the page is the application’s own, and loads nothing from elsewhere', async () => {
    const world = signInWorld();
    const shown = gate<Headers>();
    await loopbackSignIn(world.page().signIn, {
      path: '/done',
      page: (ok) => `<p>${ok ? 'Yes' : 'No'}</p>`,
      open: async (url) => {
        const response = await fetch(await world.visit(url));
        expect(await response.text()).toBe('<p>Yes</p>');
        shown.open(response.headers);
      },
    });
    const headers = await shown.promise;
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('J17: requests with another state, favicons and port scanners do not end it', async () => {
    const world = signInWorld();
    const page = world.page();
    await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
    const user = browser(world);
    await loopbackSignIn(page.signIn, {
      open: async (url) => {
        const back = new URL(await world.visit(url));
        const { origin } = back;
        for (const path of ['/favicon.ico', '/', '/callback', '/callback?state=x', '/callback?code=a&state=b']) {
          await user.visit(origin + path);
        }
        await user.visit(`${origin}/callback?code=a&code=b&state=c`);
        await user.visit(`${origin}/callback?error=access_denied&state=c`);
        await user.visit(`${origin}/other${back.search}`);
        expect((await fetch(back, { method: 'POST' })).status).toBe(405);
        await user.visit(back.href);
      },
    });
    expect((await user.seen()).map(({ status }) => status)).toEqual([404, 404, 400, 400, 400, 400, 400, 404, 200]);
  });

  test.each([true, false])(
    'J17: not even where they come to the client’s own redirect address (signed in: %s)',
    async (isSignedIn) => {
      const world = signInWorld();
      const port = await freePort();
      const page = world.page(world.first, { redirectUri: `http://127.0.0.1:${port}/callback` });
      if (isSignedIn) await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
      const user = browser(world);
      await loopbackSignIn(page.signIn, {
        port,
        open: async (url) => {
          const back = await world.visit(url);
          await user.visit(`${new URL(back).origin}/callback?code=a&state=b`);
          await user.visit(`${new URL(back).origin}/callback?error=access_denied&state=b`);
          await user.visit(back);
        },
      });
      expect((await user.seen()).map(({ status }) => status)).toEqual([400, 400, 200]);
    },
  );

  test('J17: a connection that somebody keeps open does not outlive it', async () => {
    const world = signInWorld();
    const aborted = new AbortController();
    const opened = gate<string>();
    const outcome = loopbackSignIn(world.page().signIn, { open: opened.open, signal: aborted.signal }).catch(
      (error) => error,
    );
    const { port } = new URL(await world.visit(await opened.promise));
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    socket.on('error', () => undefined);
    aborted.abort();
    await outcome;
    await closed;
  });

  test.each(['localhost', '[::1]'] as const)('J17: with %s every family that there is listens', async (host) => {
    if (!hasIPv6) return console.warn('skipped: this machine has no ::1');
    const world = signInWorld();
    const page = world.page();
    const hosts = host === 'localhost' ? ['127.0.0.1', '[::1]'] : ['[::1]'];
    await loopbackSignIn(page.signIn, {
      host,
      open: async (url) => {
        const back = await world.visit(url);
        for (const one of hosts)
          expect((await fetch(`http://${one}:${new URL(back).port}/favicon.ico`)).status).toBe(404);
        const last = hosts.at(-1) ?? '';
        await fetch(back.replace(host, last));
      },
    });
    expect(page.tokens.getSnapshot().status).toBe('active');
  });

  test('a user who refuses ends it as cancelled, and sees that', async () => {
    const world = signInWorld({ consent: 'refused' });
    const user = browser(world);
    const error = await world.reason(loopbackSignIn(world.page().signIn, { open: user.open }));
    expect(error.code).toBe('ERR_SIGN_IN_CANCELLED');
    expect(await user.seen()).toEqual([{ status: 400, text: expect.stringContaining('did not sign you in') }]);
  });

  test('J17: an abort frees the port, and rejects with its own reason', async () => {
    const world = signInWorld();
    const aborted = new AbortController();
    const opened = gate<string>();
    const outcome = loopbackSignIn(world.page().signIn, { open: opened.open, signal: aborted.signal }).catch(
      (error) => error,
    );
    const url = await opened.promise;
    const { port } = new URL(await world.visit(url));
    expect(await isFree(Number(port))).toBe(false);
    aborted.abort(new Error('enough'));
    expect((await outcome).message).toBe('enough');
    expect(await isFree(Number(port))).toBe(true);
    const early = await loopbackSignIn(world.page().signIn, { open: () => undefined, signal: aborted.signal }).catch(
      (error) => error,
    );
    expect(early.message).toBe('enough');
  });

  test('J17: a time-out is told as cancelled, and frees the port', async () => {
    const world = signInWorld();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const opened = gate<string>();
    const outcome = loopbackSignIn(world.page().signIn, { open: opened.open, timeoutMs: 60_000 }).catch(
      (error) => error,
    );
    const { port } = new URL(await world.visit(await opened.promise));
    vi.advanceTimersByTime(59_999);
    expect(await isFree(Number(port))).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await outcome).toMatchObject({ code: 'ERR_SIGN_IN_CANCELLED', again: 'begin' });
    expect(await isFree(Number(port))).toBe(true);
  });

  test('a port that is taken rejects before anything is pending or opened', async () => {
    const world = signInWorld();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const seen: string[] = [];
    const error = await loopbackSignIn(world.page().signIn, { open: (url) => seen.push(url), port }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    expect([seen, world.pending(), world.requests]).toEqual([[], undefined, []]);
    await new Promise((resolve) => taken.close(resolve));
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no browser');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no browser');
      },
    ],
  ])('an open that %s ends it', async (_, open) => {
    const world = signInWorld();
    const error = await world.reason(loopbackSignIn(world.page().signIn, { open }));
    expect(error.message).toBe('no browser');
  });

  test('wrong options are refused', async () => {
    const { signIn } = signInWorld().page();
    const open = () => undefined;
    for (const wrong of [
      {},
      { open, host: 'example.com' },
      { open, path: 'callback' },
      { open, path: '/a/../b' },
      { open, timeoutMs: 0 },
      { open, port: 70_000 },
      { open, port: 1.5 },
      { open, page: '<p>' },
    ]) {
      await expect(loopbackSignIn(signIn, wrong as never), JSON.stringify(wrong)).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
      });
    }
    await expect(loopbackSignIn({} as never, { open })).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  test('J17: the process exits by itself', async () => {
    const script = `
      import { createTokenManager, inProcess } from './src/index.ts';
      import { createSignIn, oauthClient, refreshWith } from './src/integrations/oauth.ts';
      import { loopbackSignIn } from './src/integrations/loopback.ts';
      import { createAuthServer } from './src/testing.ts';
      const server = createAuthServer();
      const client = oauthClient({ issuer: server.origin, clientId: 'cli', scopes: ['openid'], fetch: server.fetch });
      const platform = inProcess();
      const tokens = createTokenManager({ refresh: refreshWith(client), platform, proactive: false });
      const signIn = createSignIn({ client, tokens, platform });
      await loopbackSignIn(signIn, { open: async (url) => (await fetch(await server.authorize(url))).text() });
      console.log(tokens.getSnapshot().status);
    `;
    const output = await new Promise<string>((resolve, reject) => {
      const args = ['--import', './scripts/typescript.mjs', '--input-type=module', '--eval', script];
      execFile(process.execPath, args, { timeout: 30_000 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    expect(output.trim()).toBe('active');
  });
});

describe('a mistaken name is refused before it listens: the error has it, and every name that there is', () => {
  const takes = {
    open: 0,
    host: 0,
    port: 0,
    path: 0,
    page: 0,
    timeoutMs: 0,
    signal: 0,
    scopes: 0,
    loginHint: 0,
    prompt: 0,
    acrValues: 0,
    maxAgeMs: 0,
    challenge: 0,
    parameters: 0,
  } satisfies Record<keyof LoopbackSignInOptions, 0>;

  test.each<[string, unknown]>([
    ['scope', 'openid'],
    ['redirectUri', 'http://127.0.0.1:8080/callback'],
    ['redirect_uri', 'http://127.0.0.1:8080/callback'],
    ['returnTo', '/'],
    ['timeout', 60_000],
    ['onOpen', () => undefined],
    ['hostname', 'localhost'],
    ['resource', 'https://api.test'],
  ])('%s', async (name, value) => {
    const { signIn } = signInWorld().page();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    // whoever listened on this port would get another error
    const { port } = taken.address() as { port: number };
    const options = { open: () => undefined, port, [name]: value };
    const failure = await loopbackSignIn(signIn, options).catch((error: unknown) => error);
    taken.close();
    expect(failure).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
    const { message } = failure as Error;
    const [, named, known = ''] = /^Option (\S+): expected one of (.+), but .+ came\.$/.exec(message) ?? [];
    expect(named).toBe(name);
    expect(known.split(', ').sort()).toEqual(Object.keys(takes).sort());
  });
});
