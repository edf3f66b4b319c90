import { createHash, createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { base64url } from '../../src/core/proof.js';
import { base64 } from '../../src/testing/mint.js';
import { hmacSha256, sha256 } from '../../src/testing/sha256.js';

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 151 + length) % 256);

it('hashes as SHA-256 does, at every length around the edges of a block', () => {
  for (const length of [...Array(140).keys(), 1_000, 100_000]) {
    const expected = createHash('sha256').update(bytes(length)).digest('hex');
    expect(Buffer.from(sha256(bytes(length))).toString('hex')).toBe(expected);
  }
});

it('signs as HMAC-SHA-256 does, with short and long keys', () => {
  for (const length of [0, 1, 63, 64, 65, 200]) {
    const expected = createHmac('sha256', bytes(length)).update(bytes(99)).digest('hex');
    expect(Buffer.from(hmacSha256(bytes(length), bytes(99))).toString('hex')).toBe(expected);
  }
});

it('writes base64 and base64url as Node does', () => {
  for (const length of [0, 1, 2, 3, 4, 255, 20_000]) {
    expect(base64(bytes(length))).toBe(Buffer.from(bytes(length)).toString('base64'));
    expect(base64url(bytes(length))).toBe(Buffer.from(bytes(length)).toString('base64url'));
  }
});
