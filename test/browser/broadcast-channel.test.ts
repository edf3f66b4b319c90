import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { broadcastChannel } from '../../src/adapters/broadcast-channel.js';

let keys = 0;
let key: string;
beforeEach(() => {
  key = `evertoken:channel-${++keys}`;
});
afterEach(() => vi.unstubAllGlobals());

/** Resolves when the listener is called. */
function nextCall(channel = broadcastChannel()): { heard: Promise<void>; stop: () => void; count: () => number } {
  let count = 0;
  let stop = (): void => {};
  const heard = new Promise<void>((resolve) => {
    stop = channel.subscribe(key, () => {
      count++;
      resolve();
    });
  });
  return { heard, stop, count: () => count };
}

test('an announcement reaches every listener of this key, and none of another', async () => {
  const [one, other] = [nextCall(), nextCall()];
  const stranger = vi.fn();
  const stop = broadcastChannel().subscribe(`${key}:other`, stranger);
  broadcastChannel().announce(key);
  await Promise.all([one.heard, other.heard]);
  expect(stranger).not.toHaveBeenCalled();
  for (const end of [one.stop, other.stop, stop]) end();
});

test('the message is empty, and the key is the name of the channel', async () => {
  const eavesdropper = new BroadcastChannel(key);
  const data = new Promise((resolve) => {
    eavesdropper.onmessage = (event) => resolve(event.data);
  });
  broadcastChannel().announce(key);
  expect(await data).toBe(0);
  eavesdropper.close();
});

test('whoever has unsubscribed hears nothing more', async () => {
  const gone = nextCall();
  const there = nextCall();
  gone.stop();
  broadcastChannel().announce(key);
  await there.heard;
  expect(gone.count()).toBe(0);
  there.stop();
});

test('a channel is open only while somebody listens', () => {
  const open = new Set<object>();
  class Counted extends BroadcastChannel {
    constructor(name: string) {
      super(name);
      open.add(this);
    }
    override close(): void {
      open.delete(this);
      super.close();
    }
  }
  vi.stubGlobal('BroadcastChannel', Counted);
  const channel = broadcastChannel();
  expect(open.size).toBe(0);
  channel.announce(key);
  expect(open.size).toBe(0);
  const stops = [channel.subscribe(key, () => {}), channel.subscribe(key, () => {})];
  expect(open.size).toBe(2);
  for (const stop of stops) stop();
  expect(open.size).toBe(0);
});

test.each([
  ['is missing', undefined],
  [
    'is refused',
    class {
      constructor() {
        throw new DOMException('refused', 'SecurityError');
      }
    },
  ],
])('a BroadcastChannel that %s changes nothing but that nobody hears', (_, substitute) => {
  vi.stubGlobal('BroadcastChannel', substitute);
  const channel = broadcastChannel();
  channel.announce(key);
  channel.subscribe(key, () => {})();
});
