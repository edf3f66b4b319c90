import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';
import { fetchOver, tokenSource } from '../support/token-source.js';

const URL_ = 'https://api.test/things';

/** A form as other libraries have one: of the same name, and unknown to this runtime. */
class ForeignForm {
  readonly entries = [['name', 'Ada']];
  get [Symbol.toStringTag]() {
    return 'FormData';
  }
  append(): void {}
  *[Symbol.iterator]() {
    yield* this.entries;
  }
}

class ForeignBlob {
  readonly type = 'text/plain';
  readonly size = 1;
  get [Symbol.toStringTag]() {
    return 'Blob';
  }
}

describe('F14: a body that this runtime does not know is passed on whole', () => {
  test.each<[string, object]>([
    ['a form', new ForeignForm()],
    ['a blob', new ForeignBlob()],
    ['a file', Object.defineProperty(new ForeignBlob(), Symbol.toStringTag, { value: 'File' })],
    ['an object of its own kind', { custom: true }],
  ])('%s, and so is that of its replay, to the fetch that was given', async (_, body) => {
    const bodies: unknown[] = [];
    const headers: (string | null)[] = [];
    const send: typeof fetch = async (_input, init) => {
      bodies.push(init?.body);
      headers.push(new Headers(init?.headers).get('content-type'));
      return new Response(null, { status: bodies.length === 1 ? 401 : 200 });
    };
    for (const keepalive of [false, true]) {
      bodies.length = 0;
      const api = createFetch(tokenSource(), { origins: ['https://api.test'], fetch: send });
      expect((await api(URL_, { method: 'POST', body: body as never, keepalive })).status).toBe(200);
      expect(bodies).toHaveLength(2);
      for (const sent of bodies) expect(sent).toBe(body);
    }
    expect(headers).toEqual([null, null, null, null]);
  });

  test('F4: a stream of Node, as the package form-data is one, is sent once', async () => {
    const tokens = tokenSource();
    const body = Object.defineProperty(new PassThrough(), Symbol.asyncIterator, { value: undefined });
    const legacy = { pipe: body.pipe.bind(body), on: body.on.bind(body) };
    const bodies: unknown[] = [];
    const send: typeof fetch = async (_input, init) => {
      bodies.push(init?.body);
      return new Response(null, { status: 401 });
    };
    const api = createFetch(tokens, { origins: ['https://api.test'], fetch: send });
    expect((await api(URL_, { method: 'POST', body: legacy as never })).status).toBe(401);
    expect([bodies, tokens.replaced]).toEqual([[legacy], 0]);
  });
});

describe('F15: a request at the end of a page goes out in the same turn while the token is fresh', () => {
  const form = () => {
    const data = new FormData();
    data.append('name', 'before');
    data.append('file', new Blob(['\u0000\u0001'], { type: 'application/x-own' }), 'a.bin');
    return data;
  };
  const bodies: [string, () => BodyInit | null][] = [
    ['a form', form],
    ['an empty form', () => new FormData()],
    ['a text', () => 'text'],
    ['bytes', () => new Uint8Array([1, 2])],
    ['a buffer', () => new Uint8Array([1, 2]).buffer],
    ['a blob', () => new Blob(['blob'])],
    ['parameters', () => new URLSearchParams({ a: '1' })],
    ['a stream', () => new Blob(['stream']).stream()],
    ['nothing', () => null],
  ];
  const calls: [string, (api: typeof fetch, init: RequestInit) => Promise<Response>][] = [
    ['in init', (api, init) => api(URL_, init)],
    ['in a Request', (api, init) => api(new Request(URL_, init))],
    [
      'in init, beside a Request',
      (api, { body = null, ...init }) =>
        api(new Request(URL_, init), {
          body,
          ...(body instanceof ReadableStream && { duplex: 'half' }),
        } as RequestInit),
    ],
  ];
  for (const [how, call] of calls) {
    test.each(bodies)(`with %s ${how}`, async (_, make) => {
      const body = make();
      const sent: Request[] = [];
      const send: typeof fetch = async (input, init) => {
        sent.push(new Request(input, init));
        return new Response('ok');
      };
      const api = createFetch(tokenSource(), { origins: ['https://api.test'], fetch: send });
      const init: RequestInit & { duplex?: string } = { method: 'POST', keepalive: true, body };
      if (body instanceof ReadableStream) Object.assign(init, { duplex: 'half', keepalive: false });
      const asked = call(api, init);
      if (body instanceof FormData) body.append('name', 'after');
      // a turn ends with its microtasks: a task of any kind would come too late
      for (let step = 0; step < 30; step++) await undefined;
      expect(sent).toHaveLength(1);
      const got = sent[0] as Request;
      expect(got.headers.get('authorization')).toBe('Bearer access-1');
      const expected = new Response(make());
      if (!(body instanceof FormData)) expect(await got.text()).toBe(await expected.text());
      else {
        const fields = [...(await got.formData())];
        expect(fields.map(([name]) => name)).toEqual([...(make() as FormData)].map(([name]) => name));
        if (fields.length > 0) {
          expect(fields[0]).toEqual(['name', 'before']);
          const file = fields[1]?.[1] as File;
          expect([file.name, file.type, await file.text()]).toEqual(['a.bin', 'application/x-own', '\u0000\u0001']);
        }
      }
      await asked;
    });
  }

  test('a form is whole in its replay too, which draws another boundary', async () => {
    const sent: string[][] = [];
    const api = fetchOver(async (request) => {
      sent.push([...(await request.formData())].map(([name]) => name));
      return new Response(null, { status: sent.length === 1 ? 401 : 200 });
    });
    expect((await api(URL_, { method: 'POST', keepalive: true, body: form() })).status).toBe(200);
    expect(sent).toEqual([
      ['name', 'file'],
      ['name', 'file'],
    ]);
  });
});
