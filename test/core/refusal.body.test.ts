import { describe, expect, test } from 'vitest';
import { parseBody, readRefusal } from '../../src/core/refusal.js';

describe('a body is parsed', () => {
  test.each<[string, unknown]>([
    ['{"error":"a"}', { error: 'a' }],
    [' [1] ', [1]],
    ['null', null],
    ['"error=a"', 'error=a'],
    ['error=a&error_description=b+c%2Bd%26', { error: 'a', error_description: 'b c+d&' }],
    ['error=a', { error: 'a' }],
    ['error=', { error: '' }],
    ['error=a&b', { error: 'a', b: undefined }],
    ['access_token=abc==&expires_in=5', { access_token: 'abc==', expires_in: '5' }],
    ['error_description=a=b=c', { error_description: 'a=b=c' }],
    ['', undefined],
    ['<html><a href="?a=b">no</a></html>', undefined],
    ['error=<b>', undefined],
    ['error = a', undefined],
    ['error=a b', undefined],
    ['error', undefined],
    ['=a', undefined],
    ['Bad Gateway: error=a', undefined],
    ['error=%', undefined],
    ['error=%C3%28', undefined],
    ['{"error":', undefined],
  ])('%j', (source, expected) => {
    expect(parseBody(source)).toEqual(expected);
  });

  test('names like members of every object pollute nothing', () => {
    for (const source of ['__proto__=x&error=a', '{"__proto__":{"x":1},"error":"a"}']) {
      const body = parseBody(source) as Record<string, unknown>;
      expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
      expect(body.x).toBeUndefined();
      expect(readRefusal({ body }).oauthError).toBe('a');
    }
  });

  test('nesting and length, however great, do not throw', () => {
    const deep = `${'{"error":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    expect(readRefusal({ status: 400, body: parseBody(deep) }).kind).toBe('unknown');
    expect(parseBody('[{"a":'.repeat(200_000))).toBeUndefined();
    expect(parseBody('a=b&'.repeat(200_000))).toEqual({ a: 'b' });
  });
});
