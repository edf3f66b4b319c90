import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type DpopKey, dpop, memoryKeys } from '../../../src/dpop.js';
import { createFetch, type TokenManager } from '../../../src/index.js';
import { boundTokens } from '../../support/bound-tokens.js';

const API = 'https://api.test/orders';
const NOON = Date.UTC(2026, 5, 1, 12);
const keys = memoryKeys();
let key: DpopKey;
beforeAll(async () => {
  key = await keys.create();
});

interface Seen {
  readonly url: string;
  readonly authorization: string | null;
  readonly nonce: unknown;
  readonly iat: number;
  readonly jti: string;
  readonly body: string;
}
type Answer = (seen: Seen, count: number) => Response | Promise<Response>;

const demand = (nonce: string, headers = {}) =>
  new Response('refused', {
    status: 401,
    headers: { 'dpop-nonce': nonce, 'www-authenticate': 'DPoP error="use_dpop_nonce"', ...headers },
  });

/** A server that answers as it is told, and everything that it has seen. */
function serverOf(answer: Answer) {
  const seen: Seen[] = [];
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, { ...init, duplex: 'half' } as RequestInit);
    const proof = request.headers.get('dpop');
    const claims = proof ? JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) : {};
    const body = Buffer.from(await request.arrayBuffer()).toString('base64');
    const { nonce, iat, jti } = claims;
    seen.push({ url: request.url, authorization: request.headers.get('authorization'), nonce, iat, jti, body });
    return answer(seen[seen.length - 1] as Seen, seen.length);
  };
  return { seen, send };
}

function worldOf(answer: Answer, more: { tokens?: Partial<TokenManager>; now?: () => number } = {}) {
  const server = serverOf(answer);
  const tokens = boundTokens('token', key.binding, more.tokens);
  const clock = { now: more.now ?? (() => NOON) };
  const own = dpop({ keys, clock });
  const api = createFetch(tokens, {
    origins: ['https://api.test', 'https://other.test'],
    fetch: own.fetch(tokens, server.send),
  });
  return { ...server, tokens, own, api };
}

describe('nonces', () => {
  test('J28: use_dpop_nonce costs exactly one more request, and the next call none', async () => {
    const { api, seen } = worldOf(({ nonce }) => (nonce === 'n1' ? new Response('fine') : demand('n1')));
    expect(await (await api(API)).text()).toBe('fine');
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, 'n1']);
    await api(API);
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n1']);
    expect(new Set(seen.map(({ jti }) => jti)).size).toBe(3);
  });

  test('J28: a server that goes on demanding is asked twice per sending, never more', async () => {
    const { api, seen } = worldOf((_seen, count) => demand(`n${count}`));
    expect((await api(API)).status).toBe(401);
    expect(seen.length).toBeLessThanOrEqual(4);
    const { own, tokens, send, seen: again } = worldOf((_seen, count) => demand(`n${count}`));
    const response = await own.fetch(tokens, send)(API, { headers: { authorization: 'Bearer token' } });
    expect(await response.text(), 'the answer is unread').toBe('refused');
    expect(again).toHaveLength(2);
  });

  test('J28: a server that demands the very nonce it was sent is asked no more', async () => {
    const { own, tokens, send, seen } = worldOf(() => demand('same'));
    const signing = own.fetch(tokens, send);
    await signing(API, { headers: { authorization: 'Bearer token' } });
    await signing(API, { headers: { authorization: 'Bearer token' } });
    expect(seen).toHaveLength(3);
  });

  test('J29: a nonce is learned from every response, and the newest wins', async () => {
    const answers = [
      new Response('', { headers: { 'dpop-nonce': 'n1' } }),
      new Response('', { status: 500, headers: { 'dpop-nonce': 'n2' } }),
      demand('n3'),
      new Response('', { headers: { 'dpop-nonce': 'n4' } }),
      new Response(),
      new Response('', { headers: { 'dpop-nonce': 'not one, but two' } }),
      new Response(),
    ];
    const { api, seen } = worldOf(() => answers.shift() ?? new Response());
    for (let call = 0; call < 6; call++) await api(API);
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n2', 'n3', 'n4', 'n4', 'n4']);
  });

  test('J29: nonces are per origin, and never sent to another one', async () => {
    const { api, seen } = worldOf(({ url }) => new Response('', { headers: { 'dpop-nonce': new URL(url).host } }));
    for (const url of [API, 'https://other.test/', API, 'https://other.test/']) await api(url);
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, undefined, 'api.test', 'other.test']);
  });

  test('J29: an answer from where a redirect led teaches nothing about the origin that was asked', async () => {
    const { api, seen } = worldOf(() =>
      Object.defineProperty(new Response('', { headers: { 'dpop-nonce': 'elsewhere' } }), 'url', {
        value: 'https://other.test/',
      }),
    );
    await api(API);
    await api(API);
    expect(seen.map(({ nonce }) => nonce)).toEqual([undefined, undefined]);
  });

  test('J28: nonces that are good once serve any number of calls at the same time', async () => {
    const good = new Set<unknown>();
    let given = 0;
    const offer = () => {
      given++;
      good.add(`n${given}`);
      return `n${given}`;
    };
    let everybodyAsks = () => {};
    const asked = new Promise<void>((resolve) => {
      everybodyAsks = resolve;
    });
    const { api, seen } = worldOf(async ({ nonce }, count) => {
      if (count === 30) everybodyAsks();
      await asked; // signing takes its time: nobody has heard of a nonce before the last one asks
      return good.delete(nonce) ? new Response('fine', { headers: { 'dpop-nonce': offer() } }) : demand(offer());
    });
    const answers = await Promise.all(Array.from({ length: 30 }, () => api(API)));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
    expect(seen).toHaveLength(60);
  });

  test('J28: of two demands that come at once, each is answered with its own nonce', async () => {
    let open: () => void = () => undefined;
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { api, seen } = worldOf(async ({ nonce }, count) => {
      if (nonce !== undefined) return new Response('fine');
      if (count === 2) open();
      await both;
      return demand(`n${count}`);
    });
    await Promise.all([api(API), api(API)]);
    expect(seen.map(({ nonce }) => nonce).sort()).toEqual(['n1', 'n2', undefined, undefined]);
  });

  test('a page that can read the nonce and no challenge signs anew; one that reads another challenge does not', async () => {
    const bare = worldOf(({ nonce }) =>
      nonce ? new Response('fine') : new Response('', { status: 401, headers: { 'dpop-nonce': 'n' } }),
    );
    expect((await bare.api(API)).status).toBe(200);
    expect(bare.seen).toHaveLength(2);
    const other = worldOf(() => demand('n', { 'www-authenticate': 'DPoP error="invalid_token"' }));
    await other.own.fetch(other.tokens, other.send)(API, { headers: { authorization: 'Bearer token' } });
    expect(other.seen).toHaveLength(1);
  });
});

describe('bodies', () => {
  const bytes = Uint8Array.from({ length: 3000 }, (_, index) => index % 256);
  const form = () => {
    const made = new FormData();
    made.append('text', 'grüß dich');
    made.append('file', new Blob([bytes]), 'a.bin');
    return made;
  };
  const kinds: [string, () => [RequestInfo | URL, RequestInit?]][] = [
    ['none', () => [API]],
    ['a string', () => [API, { method: 'POST', body: 'grüß dich' }]],
    ['bytes', () => [API, { method: 'PUT', body: bytes }]],
    ['a buffer', () => [API, { method: 'PUT', body: bytes.buffer }]],
    ['a Blob', () => [API, { method: 'PUT', body: new Blob([bytes]) }]],
    ['parameters', () => [API, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) }]],
    ['a form', () => [API, { method: 'POST', body: form() }]],
    ['a Request with a string', () => [new Request(API, { method: 'POST', body: 'in a request' })]],
    ['a Request with a form', () => [new Request(API, { method: 'POST', body: form() })]],
    ['a Request and a body beside it', () => [new Request(API, { method: 'POST' }), { body: 'beside' }]],
    ['a URL', () => [new URL(API), { method: 'POST', body: 'to a URL' }]],
  ];

  test.each(kinds)(
    'J30: nonce challenge and expired token in one call: one refresh, body byte-identical: %s',
    async (_, make) => {
      let refreshes = 0;
      const replaceAccessToken = async () => {
        refreshes++;
        return 'token';
      };
      const { api, seen } = worldOf(
        ({ nonce }, count) =>
          nonce === undefined
            ? demand('n1')
            : count < 3
              ? new Response('', { status: 401, headers: { 'www-authenticate': 'DPoP error="invalid_token"' } })
              : new Response('fine'),
        { tokens: { replaceAccessToken } },
      );
      const [input, init] = make();
      expect((await api(input, init)).status).toBe(200);
      expect(refreshes).toBe(1);
      expect(seen).toHaveLength(3);
      expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
      expect(seen.map(({ authorization }) => authorization)).toEqual(Array(3).fill('DPoP token'));
      if (init?.body || input instanceof Request) expect(seen[0]?.body).not.toBe('');
    },
  );

  test('J31: a one-shot stream is sent once; after a nonce challenge the next call succeeds', async () => {
    const { api, seen } = worldOf(({ nonce }) => (nonce === 'n1' ? new Response('fine') : demand('n1')));
    const upload = () => ({ method: 'POST', body: new Blob(['streamed']).stream(), duplex: 'half' }) as RequestInit;
    expect((await api(API, upload())).status).toBe(401);
    expect(seen).toHaveLength(1);
    expect((await api(API, upload())).status).toBe(200);
    expect(seen.map(({ body }) => Buffer.from(body, 'base64').toString())).toEqual(['streamed', 'streamed']);
  });

  test('the copy of a body that was kept for a second sending is let go of', async () => {
    const { own, tokens, send } = worldOf(() => new Response('fine'));
    const request = new Request(API, { method: 'POST', body: 'x', headers: { authorization: 'Bearer token' } });
    let copy: Request | undefined;
    const { clone } = request;
    request.clone = () => {
      copy = clone.call(request);
      return copy;
    };
    await own.fetch(tokens, send)(request);
    await new Promise(setImmediate);
    expect(copy).toBeDefined();
    await expect(copy?.body?.getReader().read()).resolves.toMatchObject({ done: true });
  });
});

describe('the clock', () => {
  const off = 2 * 3_600_000;
  /** Checks iat by its own clock, and says what time it is. */
  const strict =
    (isExposed: boolean, status = 200): Answer =>
    ({ iat }) => {
      const headers = { ...(isExposed && { date: new Date(NOON).toUTCString() }) };
      return Math.abs(iat * 1000 - NOON) < 60_000
        ? new Response('fine', { status, headers })
        : new Response('', {
            status: 401,
            headers: { ...headers, 'www-authenticate': 'DPoP error="invalid_dpop_proof"' },
          });
    };

  test.each([
    ['two hours ahead', off],
    ['two hours behind', -off],
    ['two minutes ahead', 120_000],
    ['two minutes behind', -120_000],
  ])("J34: a clock %s costs one more request where the server's clock can be learned", async (_, skew) => {
    const { api, seen } = worldOf(strict(true), { now: () => NOON + skew });
    expect((await api(API)).status).toBe(200);
    expect(seen).toHaveLength(2);
    expect((await api(API)).status).toBe(200);
    expect((await api('https://other.test/')).status, 'another origin profits').toBe(200);
    expect(seen).toHaveLength(4);
  });

  test('J34: where it cannot be learned, the request is not repeated for that', async () => {
    const { own, tokens, send, seen } = worldOf(strict(false), { now: () => NOON + off });
    const response = await own.fetch(tokens, send)(API, { headers: { authorization: 'Bearer token' } });
    expect([response.status, seen.length]).toEqual([401, 1]);
  });

  test('J34: an access token that is a JWT tells the time without any answer', async () => {
    const now = NOON + off;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = `${part({ alg: 'none' })}.${part({ iat: NOON / 1000, exp: NOON / 1000 + 600 })}.x`;
    const getSnapshot = () => ({ issuedAt: now, expiresAt: now + 600_000 }) as ReturnType<TokenManager['getSnapshot']>;
    const { seen, send } = serverOf(strict(false));
    const tokens = boundTokens(jwt, key.binding, { getSnapshot });
    const own = dpop({ keys, clock: { now: () => now } });
    const api = createFetch(tokens, { origins: ['https://api.test'], fetch: own.fetch(tokens, send) });
    expect((await api(API)).status).toBe(200);
    expect(seen).toHaveLength(1);
  });

  test('J34: a clock that is set right again costs one more request again', async () => {
    let now = NOON + off;
    const { api, seen } = worldOf(strict(true), { now: () => now });
    await api(API);
    now = NOON;
    expect((await api(API)).status).toBe(200);
    expect(seen).toHaveLength(4);
  });

  test('J34: a token endpoint that looks at the time before it demands a nonce is asked a third time, and never more', async () => {
    const refuse = (error: string, headers = {}) =>
      Response.json({ error }, { status: 400, headers: { date: new Date(NOON).toUTCString(), ...headers } });
    const ask = async (isContent: (nonce: unknown) => boolean) => {
      const { own, send, seen } = worldOf(
        ({ iat, nonce }, count) => {
          if (Math.abs(iat * 1000 - NOON) > 60_000) return refuse('invalid_dpop_proof');
          return isContent(nonce) ? Response.json({}) : refuse('use_dpop_nonce', { 'dpop-nonce': `n${count}` });
        },
        { now: () => NOON + off },
      );
      const body = 'grant_type=refresh_token';
      const { status } = await own.endpoint(key.binding, send)('https://auth.test/token', { method: 'POST', body });
      return { status, nonces: seen.map(({ nonce }) => nonce), bodies: new Set(seen.map((one) => one.body)).size };
    };
    expect(await ask((nonce) => nonce === 'n2')).toEqual({
      status: 200,
      nonces: [undefined, undefined, 'n2'],
      bodies: 1,
    });
    expect(await ask(() => false), 'whatever it is sent').toMatchObject({
      status: 400,
      nonces: [undefined, undefined, 'n2'],
    });
  });

  test('the date of an answer out of a cache moves no clock back', async () => {
    const { api, seen } = worldOf(() => new Response('', { headers: { date: new Date(NOON - off).toUTCString() } }));
    await api(API);
    await api(API);
    expect(seen[1]?.iat).toBe(NOON / 1000);
  });
});

describe('whose requests are signed', () => {
  test('J38: requests that are not ours, and origins that are not listed, get no proof', async () => {
    const { api, own, tokens, send, seen } = worldOf(() => new Response());
    await api('https://elsewhere.test/');
    await api(API, { headers: { authorization: 'Bearer of-somebody-else' } });
    await api(API, { headers: { authorization: 'Basic abc' } });
    const signing = own.fetch(tokens, send);
    await signing(API);
    await signing(API, { headers: { authorization: 'Bearer of-somebody-else' } });
    expect(seen.map(({ jti }) => jti)).toEqual(Array(5).fill(undefined));
    expect(seen.map(({ authorization }) => authorization)).toEqual([
      null,
      'Bearer of-somebody-else',
      'Basic abc',
      null,
      'Bearer of-somebody-else',
    ]);
  });

  test('J35: a bound token without what signs is refused with a sentence, and nothing is sent', async () => {
    const { tokens, send, own, seen } = worldOf(() => new Response());
    const origins = ['https://api.test'];
    const wrapped: typeof fetch = (input, init) => own.fetch(tokens, send)(input, init);
    for (const options of [
      { origins, fetch: send },
      { origins, fetch: wrapped },
      {
        origins,
        fetch: own.fetch(tokens, send),
        authorize: (headers: Headers, token: string) => headers.set('x-token', token),
      },
    ]) {
      await expect(createFetch(tokens, options)(API)).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
        message: expect.stringMatching(/expected dpop\(\)\.fetch\(tokens\).*bound to a key/),
      });
    }
    expect(seen).toHaveLength(0);
  });

  test('a clock that is none is refused when the signer is made', () => {
    for (const clock of [{}, 'now', { now: 1 }] as never[]) {
      expect(() => dpop({ keys: memoryKeys(), clock })).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    }
  });

  test('J35: a refresh in mid-call that brings a bound token does not send it as Bearer either', async () => {
    const { send, seen } = serverOf(() => new Response('', { status: 401 }));
    const tokens = boundTokens('bound', key.binding, {
      getAccessToken: async () => 'unbound',
      replaceAccessToken: async () => 'bound',
    });
    await expect(createFetch(tokens, { origins: ['https://api.test'], fetch: send })(API)).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
    });
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer unbound']);
  });

  test('what is global may be the wrapped fetch itself', async () => {
    const before = globalThis.fetch;
    onTestFinished(() => {
      globalThis.fetch = before;
    });
    const { seen, send } = serverOf(() => new Response('fine'));
    globalThis.fetch = send;
    const tokens = boundTokens('token', key.binding);
    const own = dpop({ keys });
    globalThis.fetch = createFetch(tokens, { origins: ['https://api.test'], fetch: own.fetch(tokens) });
    expect((await fetch(API)).status).toBe(200);
    expect((await fetch('https://elsewhere.test/')).status).toBe(200);
    expect(seen.map(({ authorization }) => authorization)).toEqual(['DPoP token', null]);
  });
});

describe('headers for what is sent otherwise', () => {
  test('carry the token and a proof; a WebSocket is opened by a GET', async () => {
    const { own, tokens } = worldOf(() => new Response());
    const { authorization, dpop: proof = '' } = await own.headers(tokens, {
      url: 'wss://api.test/live?x=y',
      method: 'get',
    });
    expect(authorization).toBe('DPoP token');
    const claims = JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ htm: 'GET', htu: 'https://api.test/live' });
  });

  test('are those of any session where none is bound', async () => {
    const tokens = boundTokens('token', key.binding, { getAccessToken: async () => 'unbound' });
    const headers = await dpop({ keys }).headers(tokens, { url: API, method: 'GET' });
    expect(headers).toEqual({ authorization: 'Bearer unbound' });
  });
});

describe('keys that cannot be had', () => {
  test('J36: a key store that fails is told as one that may be tried again, and nothing is sent', async () => {
    const { send, seen } = serverOf(() => new Response());
    let failing = true;
    const flaky = {
      ...keys,
      find: (name: string) => (failing ? Promise.reject(new Error('locked')) : keys.find(name)),
    };
    const tokens = boundTokens('token', key.binding);
    const api = createFetch(tokens, {
      origins: ['https://api.test'],
      fetch: dpop({ keys: flaky }).fetch(tokens, send),
    });
    await expect(api(API)).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
    expect(seen).toHaveLength(0);
    failing = false;
    expect((await api(API)).status).toBe(200);
  });

  test('J36: a key that cannot sign any more is looked up again', async () => {
    let finds = 0;
    const damaged = {
      ...keys,
      find: async () => {
        finds++;
        return finds === 1 ? { ...key, sign: () => Promise.reject(new Error('damaged')) } : undefined;
      },
    };
    const own = dpop({ keys: damaged });
    const tokens = boundTokens('token', key.binding);
    await expect(own.headers(tokens, { url: API, method: 'GET' })).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
    await expect(own.headers(tokens, { url: API, method: 'GET' })).rejects.toMatchObject({ code: 'ERR_SESSION_LOST' });
  });
});

test('mistakes in the options are refused', () => {
  expect(() => dpop({} as never)).toThrow(/Option keys: expected keys such as browserKeys\(\)/);
  expect(() => dpop({ keys, clocks: 1 } as never)).toThrow(/Option clocks: expected one of keys, clock, crypto/);
  expect(() => dpop({ keys }).fetch(undefined as never)).toThrow(/Option tokens: expected a token manager/);
});
