import { expect, test } from 'vitest';
import { nameOwner, owner, ownerOf } from '../../src/core/owner.js';
import { tokenEndpoint } from '../../src/index.js';

test.each([
  ['https://auth.example/token', 'shop@https://auth.example/token'],
  ['https://auth.example/token?key=abc#part', 'shop@https://auth.example/token'],
  ['https://AUTH.example:443/token', 'shop@https://auth.example/token'],
  ['https://auth.example:8443/realms/a/token', 'shop@https://auth.example:8443/realms/a/token'],
  ['https://auth.example', 'shop@https://auth.example/'],
  ['https://auth.example?tenant=1', 'shop@https://auth.example/'],
  ['http://localhost:3000/token', 'shop@http://localhost:3000/token'],
])('tokenEndpoint tells endpoint and client, without the query: %s', (url, expected) => {
  expect(ownerOf(tokenEndpoint({ url, clientId: 'shop' }))).toBe(expected);
});

test('the client is told as it is, without its secret, and in visible ASCII', () => {
  const refresh = tokenEndpoint({ url: 'https://auth.example/t', clientId: 'my läden', clientSecret: 'canary-secret' });
  expect(ownerOf(refresh)).toBe('my%20l%e4den@https://auth.example/t');
});

test('two endpoints, and two clients of one endpoint, are different owners', () => {
  const names = [
    ['https://auth.example', 'https://auth.example/a', 'shop'],
    ['https://auth.example', 'https://auth.example/b', 'shop'],
    ['https://auth.example', 'https://auth.example/a', 'admin'],
    ['http://auth.example', 'http://auth.example/a', 'admin'],
  ].map(([origin = '', url = '', client = '']) => nameOwner(origin, url, client));
  expect(new Set(names).size).toBe(4);
});

test('the name is no visible member of the function, and nothing but text is one', () => {
  expect(Object.keys(tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }))).toEqual(['forTargets']);
  for (const value of [undefined, '', 7, {}]) {
    expect(ownerOf(Object.assign(async () => ({ access_token: 'a' }), { [owner]: value }))).toBeUndefined();
  }
  expect(ownerOf(undefined)).toBeUndefined();
});
