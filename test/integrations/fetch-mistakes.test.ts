import { describe, expect, test, vi } from 'vitest';
import { createFetch, type FetchOptions } from '../../src/index.js';
import { tokenSource } from '../support/token-source.js';

describe('a mistake in the options says what came and what to write instead', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'a wildcard',
      { origins: ['*'] },
      /^Option origins: expected scheme, host and port, without a path or a \*, such as https:\/\/api\.example, but /,
    ],
    ['a wildcard for hosts', { origins: ['https://*.example'] }, /without a path or a \*/],
    ['a host alone', { origins: ['api.example'] }, /expected scheme, host and port/],
    ['a host with a port', { origins: ['api.example:8443'] }, /expected scheme, host and port/],
    ['no scheme', { origins: ['//api.example'] }, /expected scheme, host and port/],
    ['a path', { origins: ['https://api.example/v1'] }, /without a path .* but https:\/\/api\.example\/… came\.$/],
    ['a path of nothing', { origins: ['/'] }, /expected scheme, host and port/],
    ['one that is empty', { origins: [''] }, /expected scheme, host and port/],
    ['one good and one bad', { origins: ['https://api.example', '*'] }, /without a path or a \*/],
    [
      'an empty list',
      { origins: [] },
      /^Option origins: expected a list that is not empty, such as \['https:\/\/api\.example'\], but /,
    ],
    ['a text', { origins: 'https://api.example' }, /expected a list .* but https:\/\/api\.example came/],
    ['a URL object', { origins: new URL('https://api.example') }, /expected a list /],
    ['a set', { origins: new Set(['https://api.example']) }, /expected a list /],
    ['null', null, /expected a list .* but a value of type undefined came/],
    [
      'an unknown option',
      { origins: ['https://api.example'], origin: 'x' },
      /^Option origin: expected one of origins, fetch, withoutSession, rejected, authorize, allowInsecure, but a value of type string came\.$/,
    ],
    [
      'an option of something else',
      { origins: ['https://api.example'], baseUrl: 'x' },
      /^Option baseUrl: expected one of origins, /,
    ],
    ['an unknown option alone', { origin: ['https://api.example'] }, /^Option origin: expected one of origins, /],
    [
      'rejected that is a status',
      { origins: ['https://api.example'], rejected: 419 },
      /^Option rejected: expected a function, but a value of type number came\.$/,
    ],
    [
      'rejected that is a list',
      { origins: ['https://api.example'], rejected: [401] },
      /^Option rejected: expected a function/,
    ],
    [
      'authorize that is a name',
      { origins: ['https://api.example'], authorize: 'X-Token' },
      /^Option authorize: expected a function, but a value of type string came\.$/,
    ],
    [
      'authorize that is true',
      { origins: ['https://api.example'], authorize: true },
      /^Option authorize: expected a function/,
    ],
  ])('%s', (_, options, message) => {
    expect(() => createFetch(tokenSource(), options as FetchOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  test('a page’s own address makes no origin of what is none', () => {
    vi.stubGlobal('document', { baseURI: 'https://page.test/' });
    try {
      for (const origin of ['', '/', 'api.example', '//api.example', '.']) {
        expect(() => createFetch(tokenSource(), { origins: [origin] }), origin).toThrow(
          /expected scheme, host and port/,
        );
      }
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('options without a manager before them', () => {
    const create = createFetch as unknown as (options: unknown) => unknown;
    expect(() => create({ origins: ['https://api.example'] })).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS',
        message:
          'Option tokens: expected a token manager, but a value of type object came: write createFetch(tokens, { origins }).',
      }),
    );
  });

  test('an option that is undefined is left out', () => {
    const options = { fetch: undefined, withoutSession: undefined, rejected: undefined, authorize: undefined };
    createFetch(tokenSource(), { origins: ['https://api.example'], ...options, allowInsecure: undefined });
  });
});
