// SHA-256 (FIPS 180-4) and HMAC (RFC 2104) without crypto.subtle, which is missing in insecure pages and React Native.
// It also answers from another thread, at a time that differs between runs, but a simulation must be reproducible.

const ROUND_CONSTANTS = fractions(64, 3);
const INITIAL_STATE = fractions(8, 2);
const BLOCK = 64;
const schedule = new Int32Array(64);

/** The first 32 bits of the fractional parts of the square or cube roots of the first primes. */
function fractions(count: number, root: 2 | 3): Int32Array {
  const words = new Int32Array(count);
  for (let candidate = 2, found = 0; found < count; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor > 0) divisor++;
    if (divisor * divisor > candidate) words[found++] = (candidate ** (1 / root) % 1) * 2 ** 32;
  }
  return words;
}

/** The SHA-256 hash of some bytes, 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK) * BLOCK);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(padded.length - 4, message.length << 3);
  const state = INITIAL_STATE.slice();
  for (let offset = 0; offset < padded.length; offset += BLOCK) compress(state, view, offset);
  const hash = new DataView(new ArrayBuffer(32));
  for (let index = 0; index < 8; index++) hash.setInt32(index * 4, word(state, index));
  return new Uint8Array(hash.buffer);
}

/** The HMAC-SHA-256 of some bytes, 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const short = key.length > BLOCK ? sha256(key) : key;
  const pad = (filler: number) => {
    const padded = new Uint8Array(BLOCK).fill(filler);
    for (let index = 0; index < short.length; index++) padded[index] = (short[index] ?? 0) ^ filler;
    return padded;
  };
  return sha256(concat(pad(0x5c), sha256(concat(pad(0x36), message))));
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function compress(state: Int32Array, view: DataView, offset: number): void {
  expand(view, offset);
  let [a, b, c, d] = [word(state, 0), word(state, 1), word(state, 2), word(state, 3)];
  let [e, f, g, h] = [word(state, 4), word(state, 5), word(state, 6), word(state, 7)];
  for (let round = 0; round < 64; round++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + word(ROUND_CONSTANTS, round) + word(schedule, round)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + sum0 + majority) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let index = 0; index < 8; index++) state[index] = word(state, index) + (sums[index] ?? 0);
}

function expand(view: DataView, offset: number): void {
  for (let index = 0; index < 16; index++) schedule[index] = view.getInt32(offset + index * 4);
  for (let index = 16; index < 64; index++) {
    const early = word(schedule, index - 15);
    const late = word(schedule, index - 2);
    const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    schedule[index] = word(schedule, index - 16) + sigma0 + word(schedule, index - 7) + sigma1;
  }
}

/** The word at an index that exists. */
function word(words: Int32Array, index: number): number {
  return words[index] as number;
}

function rotate(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}
