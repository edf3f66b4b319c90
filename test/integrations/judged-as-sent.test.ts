import { afterEach, describe, expect, test, vi } from 'vitest';
import { fetchOver } from '../support/token-source.js';

const BASE = 'https://api.test/app/page';
const sent: [string, string | null][] = [];
afterEach(() => {
  sent.length = 0;
  vi.unstubAllGlobals();
});

/** Sends as a page at `BASE` does: the standard reads a URL against it. */
function page(origins = ['https://api.test']): typeof fetch {
  vi.stubGlobal('document', { baseURI: BASE });
  return async (input, init) => {
    const own: typeof fetch = async (target, given) => {
      const { url, headers } = new Request(target instanceof Request ? target : new URL(String(target), BASE), given);
      sent.push([url, headers.get('authorization')]);
      return new Response('ok');
    };
    return fetchOver(() => new Response(), { origins, fetch: own })(input, init);
  };
}

describe('F12: a request is judged in the form in which it is sent', () => {
  test.each([
    ['/search?q=foo bar', 'https://api.test/search?q=foo%20bar'],
    ['/files/my report.pdf', 'https://api.test/files/my%20report.pdf'],
    ['files/my report.pdf', 'https://api.test/app/files/my%20report.pdf'],
    [' /padded ', 'https://api.test/padded'],
    ['/tab\tin\nside', 'https://api.test/tabinside'],
    ['/back\\slash', 'https://api.test/back/slash'],
    ['back\\slash', 'https://api.test/app/back/slash'],
    ['/search?q=a\\b', 'https://api.test/search?q=a\\b'],
    ['https://api.test/search?q=a\\b c', 'https://api.test/search?q=a\\b%20c'],
    ['https://api.test?q=a\\b', 'https://api.test/?q=a\\b'],
    ['https://api.test/back\\slash', 'https://api.test/back/slash'],
    ['//api.test/protocol relative', 'https://api.test/protocol%20relative'],
    ['../up/./and/../down', 'https://api.test/up/down'],
    ['', 'https://api.test/app/page'],
    ['?q=ü ', 'https://api.test/app/page?q=%C3%BC'],
    ['#part two', 'https://api.test/app/page#part%20two'],
    ['HTTPS://API.TEST:443/a b', 'https://api.test/a%20b'],
    ['https:/api.test/one slash', 'https://api.test/api.test/one%20slash'],
    ['https:relative to the base', 'https://api.test/app/relative%20to%20the%20base'],
    ['https:///api.test/three slashes', 'https://api.test/three%20slashes'],
    ['https://api%2Etest/percent', 'https://api.test/percent'],
    ['https://ａｐｉ.test/wide', 'https://api.test/wide'],
    ['https://api。test/dot', 'https://api.test/dot'],
    ['https://api.te\nst/line', 'https://api.test/line'],
    ['https://api.test/{a}|^`<>"', 'https://api.test/%7Ba%7D|^%60%3C%3E%22'],
    ['/emoji/😀', 'https://api.test/emoji/%F0%9F%98%80'],
    ['/pair?a=%zz&b=%20', 'https://api.test/pair?a=%zz&b=%20'],
  ])('%j carries the access token to where it goes', async (input, url) => {
    const forms = [input, new URL(input, BASE), new Request(new URL(input, BASE)), { toString: () => input }];
    for (const form of forms) await page()(form as string);
    const href = new URL(input, BASE).href;
    expect(new URL(url).origin).toBe('https://api.test');
    expect(new URL(href).href).toBe(href);
    for (const [to, authorization] of sent) {
      expect([to, authorization]).toEqual([href, 'Bearer access-1']);
    }
    expect(sent).toHaveLength(forms.length);
  });

  test.each([
    '//elsewhere.test/a b',
    '\\\\elsewhere.test\\a b',
    '/\\elsewhere.test/a b',
    '\t//elsewhere.test/ x',
    '/\t/elsewhere.test/x y',
    'https:\\\\elsewhere.test\\@api.test/a b',
    'https://elsewhere.test\\@api.test/a b',
    'https://elsewhere.test/a b?https://api.test/',
    'https://else\nwhere.test/https://api.test/',
    'https://api.test.elsewhere.test/a b',
    'https://api.test@elsewhere.test/a b',
    'https://api.test%40elsewhere.test/a b',
    'https://api.test:8443/a b',
    'http://api.test/a b',
    'HTTP://API.TEST:80/a b',
    'https://api.test./a b',
    'https://аpi.test/a b',
    'data:text/html,https://api.test/ x',
    'blob:https://api.test/a b',
    'ftp://api.test/a b',
  ])('%j does not, to which end ever it is written', async (input) => {
    for (const make of [() => input, () => new URL(input, BASE), () => new Request(new URL(input, BASE))]) {
      let form: RequestInfo | URL;
      try {
        form = make();
      } catch {
        continue; // no URL at all
      }
      await page()(form).catch(() => undefined);
    }
    expect(sent.filter(([, authorization]) => authorization !== null)).toEqual([]);
    for (const [to] of sent) expect(to).toBe(new URL(input, BASE).href);
  });

  test('whatever goes out with the token goes to a listed origin, for any mixture of what parsers fall over', async () => {
    const parts = [
      'https:',
      'http:',
      '/',
      '//',
      '\\',
      ' ',
      '\t',
      '\n',
      '@',
      ':',
      '443',
      '?',
      '#',
      '.',
      '..',
      '%40',
      '%2f',
      'api.test',
      'elsewhere.test',
      'ａ',
      '。',
      '[::1]',
      '127.1',
      'x',
    ];
    let seed = 7;
    const pick = (count: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % count;
    };
    for (let round = 0; round < 3_000; round++) {
      const input = Array.from({ length: 1 + pick(7) }, () => parts[pick(parts.length)]).join('');
      await page()(input).catch(() => undefined);
    }
    const carrying = sent.filter(([, authorization]) => authorization !== null);
    expect(carrying.length).toBeGreaterThan(300);
    for (const [to] of carrying) expect(new URL(to).origin).toBe('https://api.test');
  });
});
