import type { Channel } from '../ports/channel.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  type Make,
  type Promises,
  same,
  type UnderTest,
  until,
} from './contract.js';

/** What the factory of {@link channelContract} gives. */
export interface ChannelUnderTest extends UnderTest {
  channel: Channel;
  /** The channel as a peer has it: another tab or process. */
  second: Channel;
}

/** What a channel claims beyond the essentials. */
export interface ChannelContractOptions extends ContractOptions {
  /** It keeps what a listener throws to itself: also runs the check of that. Default `false`. */
  isolates?: boolean;
}

/**
 * The checks of a channel: what the manager relies on, in plain words, for any test runner.
 *
 * Whether one hears one's own announcements is not part of it, nor how many of several announcements arrive.
 *
 * @example
 * for (const { name, run } of channelContract(() => ({ channel: mine(), second: mine() }))) test(name, run);
 */
export function channelContract(
  make: Make<ChannelUnderTest>,
  { isolates = false, ...options }: ChannelContractOptions = {},
): ContractCheck[] {
  return createChecks(make, { ...essentials, ...(isolates && isolation) }, options);
}

const essentials: Promises<ChannelUnderTest> = {
  'hears a peer, in both directions': async ({ channel, second }, key) => {
    for (const [from, to] of [
      [channel, second],
      [second, channel],
    ] as const) {
      const ear = listen(to, key);
      from.announce(key);
      await ear.hears(1);
      ear.close();
    }
  },
  'hears a peer again and again': async ({ channel, second }, key) => {
    const ear = listen(second, key);
    for (let round = 1; round <= 5; round++) {
      channel.announce(key);
      await ear.hears(round);
    }
    ear.close();
  },
  'calls every listener of a key': async ({ channel, second }, key) => {
    const ears = [listen(second, key), listen(second, key), listen(second, key)];
    channel.announce(key);
    for (const ear of ears) await ear.hears(1);
    for (const ear of ears) ear.close();
  },
  'keeps keys apart': async ({ channel, second }, key) => {
    const ear = listen(second, key);
    const other = listen(second, `${key}:other`);
    channel.announce(`${key}:other`);
    await other.hears(1); // the announcement has arrived
    same(ear.count(), 0, 'how often the listener of another key was called');
    channel.announce(key);
    await ear.hears(1);
    ear.close();
    other.close();
  },
  'calls nobody who has unsubscribed': async ({ channel, second }, key) => {
    const gone = listen(second, key);
    const stays = listen(second, key);
    gone.close();
    gone.close();
    channel.announce(key);
    await stays.hears(1);
    same(gone.count(), 0, 'how often a listener was called after it had unsubscribed');
    stays.close();
  },
  'can be subscribed again after everybody has left': async ({ channel, second }, key) => {
    listen(second, key).close();
    channel.announce(key);
    const ear = listen(second, key);
    channel.announce(key);
    await ear.hears(1);
    ear.close();
  },
  'announces to nobody without an error': async ({ channel, second }, key) => {
    channel.announce(key);
    second.announce(key);
    await Promise.resolve();
  },
  'lets a listener unsubscribe itself and subscribe another while it is called': async ({ channel, second }, key) => {
    let inner: Ear | undefined;
    const unsubscribe = second.subscribe(key, () => {
      unsubscribe();
      inner ??= listen(second, key);
    });
    channel.announce(key);
    await until(() => inner !== undefined);
    channel.announce(key);
    await inner?.hears(1);
    inner?.close();
  },
};

const isolation: Promises<ChannelUnderTest> = {
  'lets a listener that throws harm nobody': async ({ channel, second }, key) => {
    let thrown = 0;
    const unsubscribe = second.subscribe(key, () => {
      thrown++;
      throw new Error('of a listener');
    });
    const ear = listen(second, key);
    for (let round = 1; round <= 2; round++) {
      channel.announce(key);
      await ear.hears(round);
    }
    await until(() => thrown === 2);
    unsubscribe();
    ear.close();
  },
};

interface Ear {
  count(): number;
  hears(times: number): Promise<void>;
  close(): void;
}

function listen(channel: Channel, key: string): Ear {
  let count = 0;
  const close = channel.subscribe(key, () => {
    count++;
  });
  return { count: () => count, hears: (times) => until(() => count >= times), close };
}
