import { expect, it } from 'vitest';
import { redisChannel } from '../../src/adapters/redis.js';

it('subscribes in Redis again when a connection that had refused is ready', async () => {
  let ready = () => {};
  let hear = (_channel: string, _message: string) => {};
  let isUp = false;
  const granted = new Set<string>();
  const subscriber = {
    psubscribe: () => undefined,
    async subscribe(channel: string) {
      if (!isUp) throw new Error("Stream isn't writeable and enableOfflineQueue options is false");
      granted.add(channel);
    },
    unsubscribe: async (channel: string) => granted.delete(channel),
    on(event: string, listener: (channel: string, message: string) => void) {
      if (event === 'ready') ready = () => listener('', '');
      else hear = listener;
    },
  };
  let heard = 0;
  const channel = redisChannel({ publish: async () => 1 }, subscriber);
  const stop = channel.subscribe('evertoken:session', () => heard++);
  await Promise.resolve();
  isUp = true;
  ready();
  expect([...granted]).toEqual(['evertoken:session']);
  hear('evertoken:session', '');
  expect(heard).toBe(2); // once for what may have been missed
  stop();
  expect([...granted]).toEqual([]);
});

it('hears each notice once although a node-redis connection was ready twice', async () => {
  let ready = () => {};
  const granted = new Set<() => void>();
  const subscriber = {
    pSubscribe: () => undefined,
    subscribe: async (_: string, listener: () => void) => granted.add(listener),
    unsubscribe: async (_: string, listener: () => void) => granted.delete(listener),
    on(_: string, listener: () => void) {
      ready = listener;
    },
  };
  const stop = redisChannel({ publish: async () => 1 }, subscriber).subscribe('evertoken:session', () => undefined);
  ready();
  ready();
  expect(granted.size).toBe(1);
  stop();
  expect(granted.size).toBe(0);
});
