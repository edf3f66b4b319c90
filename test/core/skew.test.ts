import { describe, expect, test } from 'vitest';
import { isSameSkew, serverTime, skewOfDate, skewOfToken } from '../../src/core/skew.js';

const noon = Date.UTC(2026, 0, 1, 12);
const date = (at: number) => new Date(at).toUTCString();

describe('the clock of a server, by the Date of an answer', () => {
  test.each([
    ['two hours ahead', 7_200_000],
    ['two hours behind', -7_200_000],
    ['the same', 0],
  ])('%s', (_name, skewMs) => {
    const found = skewOfDate(date(noon + 100 + skewMs), noon, noon + 200);
    expect(Math.abs((found ?? Number.NaN) - skewMs)).toBeLessThanOrEqual(500);
  });

  test.each([
    ['none', null, 200],
    ['what is no date', 'yesterday', 200],
    ['a date in another form', '2026-01-01T12:00:00Z', 200],
    ['an answer that came after the page was frozen', date(noon), 3_600_000],
    ['a clock of ours that was set back meanwhile', date(noon), -1_000],
  ])('%s tells nothing', (_name, header, tookMs) => {
    expect(skewOfDate(header, noon, noon + tookMs)).toBeUndefined();
  });
});

describe('the clock of a server, by an access token', () => {
  const seconds = noon / 1_000;

  test('is told by its iat', () => {
    expect(skewOfToken({ iat: seconds + 7_200 }, noon, undefined)).toBe(7_200_500);
    expect(skewOfToken({ iat: seconds + 7_200, exp: seconds + 7_500 }, noon, noon + 300_000)).toBe(7_200_500);
  });

  test('is not told by a token that the server gives out a second time', () => {
    const claims = { iat: seconds - 200, exp: seconds + 100 };
    expect(skewOfToken(claims, noon, noon + 100_000)).toBeUndefined();
  });

  test.each([
    ['an opaque token', undefined, noon],
    ['one without iat', {}, noon],
    ['one of an unknown moment', { iat: seconds }, undefined],
  ])('%s tells nothing', (_name, claims, issuedAt) => {
    expect(skewOfToken(claims, issuedAt, undefined)).toBeUndefined();
  });
});

test('a difference of five seconds is none', () => {
  expect(serverTime(noon, 5_000)).toBe(noon);
  expect(serverTime(noon, -5_001)).toBe(noon - 5_001);
  expect(serverTime(noon)).toBe(noon);
  expect(isSameSkew(60_000, 65_000)).toBe(true);
  expect(isSameSkew(60_000, 65_001)).toBe(false);
});
