import { describe, expect, it, test } from 'vitest';
import type { Channel } from '../../src/index.js';
import { channelContract, peers, runContract } from '../../src/testing.js';

function sound(): { channel: Channel; second: Channel } {
  const [first, second] = peers(2);
  return { channel: isolated(first.platform.channel), second: isolated(second.platform.channel) };
}

function isolated(channel: Channel): Channel {
  const subscribe: Channel['subscribe'] = (key, listener) =>
    channel.subscribe(key, () => {
      try {
        listener();
      } catch {
        // its own business
      }
    });
  return { ...channel, subscribe };
}

describe('a channel in memory', () => {
  const make = () => {
    const [first, second] = peers(2);
    return { channel: first.platform.channel, second: second.platform.channel };
  };
  for (const check of channelContract(make)) test(check.name, check.run);
});

describe('a channel that isolates listeners', () => {
  for (const check of channelContract(sound, { isolates: true })) test(check.name, check.run);
});

type Break = (channel: Channel) => Partial<Channel>;

/** For each check, a channel that breaks this very promise, on both sides. */
const broken: Record<string, Break> = {
  'hears a peer, in both directions': () => ({ announce: () => undefined }),
  'hears a peer again and again': (channel) => {
    let count = 0;
    return { announce: (key) => ++count <= 2 && channel.announce(key) };
  },
  'calls every listener of a key': (channel) => {
    const taken = new Set<string>();
    return {
      subscribe: (key, listener) =>
        taken.has(key) ? () => {} : channel.subscribe([...taken.add(key)].at(-1) ?? key, listener),
    };
  },
  'keeps keys apart': (channel) => ({
    announce: (key) => [key, key.replace(':other', '')].forEach(channel.announce),
  }),
  'calls nobody who has unsubscribed': (channel) => ({
    subscribe: (key, listener) => {
      channel.subscribe(key, listener);
      return () => undefined;
    },
  }),
  'can be subscribed again after everybody has left': (channel) => {
    let closed = false;
    return {
      subscribe: (key, listener) => {
        const unsubscribe = closed ? () => undefined : channel.subscribe(key, listener);
        return () => {
          closed = true;
          unsubscribe();
        };
      },
    };
  },
  'announces to nobody without an error': (channel) => {
    const known = new Set<string>();
    return {
      announce: (key) => {
        if (!known.has(key)) throw new Error('Expected somebody to listen');
        channel.announce(key);
      },
      subscribe: (key, listener) => channel.subscribe([...known.add(key)].at(-1) ?? key, listener),
    };
  },
  'lets a listener unsubscribe itself and subscribe another while it is called': (channel) => {
    let calling = false;
    return {
      subscribe: (key, listener) =>
        calling
          ? () => undefined
          : channel.subscribe(key, () => {
              calling = true;
              listener();
              calling = false;
            }),
    };
  },
  'lets a listener that throws harm nobody': (channel) => {
    let broke = false;
    return {
      subscribe: (key, listener) =>
        channel.subscribe(key, () => {
          if (broke) return;
          broke = true;
          listener();
          broke = false;
        }),
    };
  },
};

describe('the contract sees a channel that', () => {
  it('breaks any of its promises', () => {
    const names = channelContract(sound, { isolates: true }).map(({ name }) => name);
    expect(Object.keys(broken).sort()).toEqual(names.sort());
  });

  it.each(Object.entries(broken))('does not keep this: %s', async (name, breaks) => {
    const make = () => {
      const { channel, second } = sound();
      return {
        channel: { ...channel, ...breaks(channel) } as Channel,
        second: { ...second, ...breaks(second) } as Channel,
      };
    };
    const check = channelContract(make, { isolates: true, boundMs: 300 }).find((one) => one.name === name);
    await expect(check?.run()).rejects.toThrow('Expected');
  });
});

describe('running a contract without a test runner', () => {
  it('counts the checks', async () => {
    expect(await runContract(channelContract(sound))).toBe(channelContract(sound).length);
  });

  it('names every check that failed, and runs the others', async () => {
    const ran: string[] = [];
    const checks = [
      { name: 'first', run: async () => Promise.reject(new Error('why')) },
      { name: 'second', run: async () => void ran.push('second') },
      { name: 'third', run: () => Promise.reject('because') },
    ];
    await expect(runContract(checks)).rejects.toThrow('2 of 3 checks failed:\n- first: why\n- third: because');
    expect(ran).toEqual(['second']);
  });

  it('cleans up after each check, also after one that failed', async () => {
    let open = 0;
    const make = async () => {
      open++;
      return { ...sound(), cleanup: async () => void open-- };
    };
    await runContract(channelContract(make));
    expect(open).toBe(0);
    const deaf = async () => ({
      ...(await make()),
      channel: { announce: () => undefined, subscribe: () => () => undefined },
    });
    await expect(runContract(channelContract(deaf, { boundMs: 30 }))).rejects.toThrow('checks failed');
    expect(open).toBe(0);
  });
});
