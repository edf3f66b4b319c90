import { beforeEach, expect, test } from 'vitest';
import { hooks, type IntegrationHooks } from '../../src/core/hooks.js';
import { createFutileRefreshes, type FutileRefreshes } from '../../src/integrations/futile-refreshes.js';
import { tokenSource } from '../support/token-source.js';

const HOUR_MS = 3_600_000;
let now: number;
let expiresAt: number | undefined;
let futile: FutileRefreshes;

beforeEach(() => {
  now = 1_000;
  expiresAt = 61_000;
  const hook: IntegrationHooks = {
    isRefreshing: () => false,
    reject: () => undefined,
    life: () => ({ now, expiresAt }),
  };
  futile = createFutileRefreshes(Object.assign(tokenSource(), { [hooks]: hook }));
});

const url = 'https://api.test/own';

test('a refresh may help a URL of which nothing is known, and does not help one that has refused its outcome', () => {
  expect(futile.mayHelp(url, 'a')).toBe(true);
  futile.add(url, 'b');
  expect(futile.mayHelp(url, 'b')).toBe(false);
  expect(futile.mayHelp(`${url}?again=1#there`, 'b')).toBe(false);
  expect(futile.mayHelp(`${url}/below`, 'b')).toBe(true);
});

test('two are enough, until the life of the access token is over', () => {
  futile.add(url, 'b');
  expect(futile.mayHelp(url, 'c')).toBe(true);
  futile.add(url, 'd');
  for (const token of ['d', 'e', 'f']) expect(futile.mayHelp(url, token)).toBe(false);
  futile.accept(url);
  expect(futile.mayHelp(url, 'g')).toBe(false);
  now = 60_999;
  expect(futile.mayHelp(url, 'g')).toBe(false);
  now = 61_000;
  expect(futile.mayHelp(url, 'g')).toBe(true);
});

test('many requests that waited for one refresh count once', () => {
  for (let waiting = 0; waiting < 20; waiting++) futile.add(url, 'b');
  expect(futile.mayHelp(url, 'c')).toBe(true);
});

test('a token that the URL has taken since may be refused for another reason', () => {
  futile.add(url, 'b');
  futile.accept(url);
  expect(futile.mayHelp(url, 'b')).toBe(true);
});

test('an access token of which nobody knows how long it lives counts for an hour', () => {
  expiresAt = undefined;
  futile.add(url, 'b');
  futile.add(url, 'c');
  now += HOUR_MS - 1;
  expect(futile.mayHelp(url, 'd')).toBe(false);
  now += 1;
  expect(futile.mayHelp(url, 'd')).toBe(true);
});

test('where nobody tells the time, each access token has its own count', () => {
  futile = createFutileRefreshes(tokenSource());
  for (const token of ['b', 'c', 'd', 'e']) {
    expect(futile.mayHelp(url, 'a')).toBe(true);
    futile.add(url, token);
    expect(futile.mayHelp(url, token)).toBe(false);
  }
});

test('a thousand URLs are remembered, the oldest is forgotten first, and none is longer than 500 characters', () => {
  for (let index = 0; index <= 1_000; index++) futile.add(`${url}/${index}`, 'b');
  expect(futile.mayHelp(`${url}/0`, 'b')).toBe(true);
  expect(futile.mayHelp(`${url}/1`, 'b')).toBe(false);
  expect(futile.mayHelp(`${url}/1000`, 'b')).toBe(false);
  const long = `${url}/${'x'.repeat(500)}`;
  futile.add(`${long}1`, 'b');
  expect(futile.mayHelp(`${long}2`, 'b')).toBe(false);
});
