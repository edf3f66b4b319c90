import { OptionsError } from '../../errors.js';
import type { Channel } from '../../ports/channel.js';

/** What is called of the client that announces; it may be the one of `redisStorage`. */
export interface RedisPublisherLike {
  publish(channel: string, message: string): Promise<unknown>;
}

type Listener = (channel: string, message: string) => void;

/** What is called of an ioredis connection that only subscribes. */
export interface IoRedisSubscriberLike {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: Listener): unknown;
  on(event: 'ready', listener: () => void): unknown;
  readonly psubscribe: unknown;
}

/** What is called of a node-redis connection that only subscribes. */
export interface NodeRedisSubscriberLike {
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  unsubscribe(channel: string, listener: () => void): Promise<unknown>;
  on(event: 'ready', listener: () => void): unknown;
  readonly pSubscribe: unknown;
}

/** A connected client that does nothing but subscribe; Redis takes no other commands on it. */
export type RedisSubscriberLike = IoRedisSubscriberLike | NodeRedisSubscriberLike;

/**
 * Tells peers through Redis pub/sub that a session changed, and nothing else.
 *
 * Takes two connections, because one that subscribes takes no other commands; open and close them yourself. Notices get
 * lost while a connection is down: when it is back, every listener is called once. Never throws for a connection in
 * trouble.
 */
export function redisChannel(publisher: RedisPublisherLike, subscriber: RedisSubscriberLike): Channel {
  if (typeof publisher?.publish !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected a client of ioredis or node-redis that publishes, got ${typeof publisher}.`,
    );
  }
  const listeners = new Map<string, Set<() => void>>();
  const hear = (key: string) => {
    for (const listener of [...(listeners.get(key) ?? [])]) listener();
  };
  const connect = connector(subscriber, hear);
  let isWatching = false;

  function watch(): void {
    if (isWatching) return;
    isWatching = true;
    subscriber.on('ready', () => {
      for (const key of [...listeners.keys()]) {
        quietly(() => connect.subscribe(key)); // clients restore only subscriptions that had succeeded
        hear(key);
      }
    });
  }

  return {
    announce(key) {
      quietly(() => publisher.publish(key, ''));
    },
    subscribe(key, listener) {
      watch();
      const own = () => listener(); // a Set would hold a function that subscribes twice only once
      const present = listeners.get(key) ?? new Set();
      if (present.size === 0) {
        listeners.set(key, present);
        quietly(() => connect.subscribe(key));
      }
      present.add(own);
      return () => {
        if (!present.delete(own) || present.size > 0) return;
        listeners.delete(key);
        quietly(() => connect.unsubscribe(key));
      };
    },
  };
}

interface Connector {
  subscribe(key: string): Promise<unknown>;
  unsubscribe(key: string): Promise<unknown>;
}

/** The libraries differ in where a listener goes: one for the whole connection, or one per channel. */
function connector(subscriber: RedisSubscriberLike, hear: (key: string) => void): Connector {
  if (typeof (subscriber as Partial<IoRedisSubscriberLike> | undefined)?.psubscribe === 'function') {
    const ioredis = subscriber as IoRedisSubscriberLike;
    let isListening = false;
    return {
      subscribe(key) {
        if (!isListening) ioredis.on('message', hear);
        isListening = true;
        return ioredis.subscribe(key);
      },
      unsubscribe: (key) => ioredis.unsubscribe(key),
    };
  }
  if (typeof (subscriber as Partial<NodeRedisSubscriberLike> | undefined)?.pSubscribe === 'function') {
    const nodeRedis = subscriber as NodeRedisSubscriberLike;
    const heard = new Map<string, () => void>();
    return {
      subscribe(key) {
        const listener = heard.get(key) ?? (() => hear(key));
        heard.set(key, listener);
        return nodeRedis.subscribe(key, listener);
      },
      unsubscribe(key) {
        const listener = heard.get(key);
        heard.delete(key);
        return listener ? nodeRedis.unsubscribe(key, listener) : Promise.resolve();
      },
    };
  }
  throw new OptionsError('ERR_OPTIONS', `Expected a subscriber of ioredis or node-redis, got ${typeof subscriber}.`);
}

/** Ignores failures: a notice may be lost, and the client restores its subscriptions itself. */
function quietly(call: () => Promise<unknown>): void {
  try {
    call().catch(() => undefined);
  } catch {
    // the client is closed
  }
}
