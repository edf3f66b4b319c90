import type { TokenResponse } from '../../../src/core/token-set.js';
import type { RefreshTokens } from '../../../src/ports/refresh.js';
import type { Host } from './host.js';
import type { LaneFacts, SimWorld } from './sim-world.js';

/** How a provider answers: as it should, or not. `overloaded`: some of its answers name a moment. `deaf`: it says of everybody that the session is dead, and is wrong. */
export type Mood = 'up' | 'down' | 'silent' | 'busy' | 'overloaded' | 'misconfigured' | 'deaf';

/** What a customer has granted: one chain of refresh tokens. */
export interface Family {
  readonly key: string;
  readonly name: string;
  /** The refresh token that the provider takes; counts up. */
  newest: number;
  /** When the newest one was given out, in true time. */
  issuedAt: number;
  /** When it was asked for. */
  askedAt: number;
  /** When the one before it was used first. */
  usedAt: number;
  isAlive: boolean;
  /** `revoked` by the customer; `reused`: a used refresh token came too late; `lapsed`: none came for too long. */
  end: 'revoked' | 'reused' | 'lapsed' | undefined;
  /** The provider has said that it is dead, rightly or not, by true time. */
  toldDeadAt: number | undefined;
}

/** One refresh token on its way to a provider. */
export interface Presentation {
  readonly host: Host;
  readonly family: Family;
  readonly index: number;
  readonly at: number;
  /** A worker of the fleet asks; otherwise a customer does. */
  readonly isWorker: boolean;
  /** The provider has acted on it. */
  isGranted: boolean;
  /** Its process lives and has the answer. */
  isHeard: boolean;
  /** Its process has given up. */
  isOver: boolean;
}

/** What the checks want to know. */
export interface ProviderWatch {
  presents(presentation: Presentation): void;
  answered(presentation: Presentation, status: number, retryAfterS: number | undefined): void;
  /** A used refresh token came again, and ends the session. */
  reused(presentation: Presentation): void;
}

/** The provider of a lane. */
export interface Provider {
  readonly facts: LaneFacts;
  readonly mood: Mood;
  /** When that changed last. */
  readonly moodAt: number;
  turn(mood: Mood): void;
  signIn(key: string): TokenResponse;
  refreshFor(host: Host, isWorker: boolean): RefreshTokens;
  /** A customer takes the grant back. */
  revoke(key: string): void;
  familyOf(key: string): Family | undefined;
  named(name: string): Family | undefined;
  readonly requests: number;
}

export function createProvider(world: SimWorld, facts: LaneFacts, watch: ProviderWatch): Provider {
  const { random, circumstances } = world;
  const families = new Map<string, Family>();
  const byName = new Map<string, Family>();
  let count = 0;
  let requests = 0;

  function tokens(family: Family): TokenResponse {
    count++;
    return {
      access_token: `a-${family.name}-${count}`,
      refresh_token: `r-${family.name}-${family.newest}`,
      token_type: 'Bearer',
      expires_in: facts.lifetimeMs / 1_000,
      ...(facts.refreshLifetimeMs && { refresh_token_expires_in: facts.refreshLifetimeMs / 1_000 }),
    };
  }

  function end(family: Family, why: Family['end']): void {
    if (!family.isAlive) return;
    world.trace(() => `provider: ${family.name} is over, ${why}`);
    family.isAlive = false;
    family.end = why;
  }

  /** Tokens, or that the refresh token is no good. */
  function grant(presentation: Presentation): TokenResponse | undefined {
    const { family, index } = presentation;
    const { refreshLifetimeMs = Number.POSITIVE_INFINITY, reuseWindowMs } = facts;
    if (family.isAlive && world.now > family.issuedAt + refreshLifetimeMs) end(family, 'lapsed');
    if (!family.isAlive) return undefined;
    if (index === family.newest) {
      family.newest++;
      family.usedAt = world.now;
      family.issuedAt = world.now;
      family.askedAt = presentation.at;
    } else if (index !== family.newest - 1 || world.now > family.usedAt + reuseWindowMs || reuseWindowMs === 0) {
      end(family, 'reused');
      watch.reused(presentation);
      return undefined;
    }
    presentation.isGranted = true;
    return tokens(family);
  }

  function act(
    presentation: Presentation,
  ): readonly [status: number, body: unknown, retryAfterS?: number | undefined] | undefined {
    const { family } = presentation;
    if (provider.mood === 'silent') return undefined;
    if (provider.mood === 'down') return [random.pick([500, 502, 503]), ''];
    if (provider.mood === 'busy') return [429, '', random.pick([2, 8, 25])];
    if (provider.mood === 'overloaded') return [503, '', random.pick([undefined, undefined, 25])];
    if (provider.mood === 'misconfigured') return [401, { error: 'invalid_client' }];
    const granted = provider.mood === 'deaf' ? undefined : grant(presentation);
    if (granted) return [200, granted];
    family.toldDeadAt ??= world.now;
    return [400, { error: 'invalid_grant' }];
  }

  function send(presentation: Presentation, settle: (answer: unknown) => void, fail: (error: Error) => void): void {
    const { host } = presentation;
    // one that is slow is so for everybody
    const leastMs = facts.answerMs > 500 ? 200 : 0;
    const way = () => leastMs + random.wait(facts.answerMs / 2 - leastMs);
    if (circumstances.hasCrashes && !host.isSafe && world.fails('dies in an exchange', 0.015)) {
      host.deliver(random.between(0, facts.answerMs), host.die);
    }
    if (world.fails('request lost', 0.01)) return void host.deliver(way(), () => fail(new TypeError('fetch failed')));
    world.schedule(way(), () => {
      const answer = act(presentation);
      if (!answer) return; // silence
      const [status, body, retryAfterS] = answer;
      world.trace(
        () => `${facts.name} answers ${host.name} about ${presentation.family.name}: ${status} ${retryAfterS ?? ''}`,
      );
      if (world.fails('answer lost', 0.01)) return void host.deliver(way(), () => fail(new TypeError('fetch failed')));
      host.deliver(way(), () => {
        if (presentation.isOver) return;
        presentation.isHeard = true;
        watch.answered(presentation, status, retryAfterS);
        if (status === 200) return settle(body);
        settle({
          status,
          bodyUsed: false,
          headers: { get: (name: string) => (name === 'retry-after' && retryAfterS ? `${retryAfterS}` : null) },
          text: async () => (body === '' ? '' : JSON.stringify(body)),
        });
      });
    });
  }

  const provider: Provider & { mood: Mood; moodAt: number } = {
    facts,
    mood: 'up',
    moodAt: Number.NEGATIVE_INFINITY,
    turn(mood) {
      if (mood !== provider.mood) provider.moodAt = world.now;
      provider.mood = mood;
    },
    signIn(key) {
      const family: Family = {
        key,
        name: `${facts.name}.${count + 1}`,
        newest: 1,
        issuedAt: world.now,
        askedAt: world.now,
        usedAt: Number.NEGATIVE_INFINITY,
        isAlive: true,
        end: undefined,
        toldDeadAt: undefined,
      };
      families.set(key, family);
      byName.set(family.name, family);
      return tokens(family);
    },
    refreshFor: (host, isWorker) => (request) =>
      new Promise((resolve, reject) => {
        const [, name = '', index = ''] = request.refreshToken?.split('-') ?? [];
        const family = byName.get(name);
        if (!family) return reject(new Error('unknown refresh token'));
        requests++;
        const presentation: Presentation = {
          host,
          family,
          index: Number(index),
          at: world.now,
          isWorker,
          isGranted: false,
          isHeard: false,
          isOver: false,
        };
        world.trace(() => `${host.name} presents ${name}-${index} of ${family.key}`);
        watch.presents(presentation);
        request.signal.addEventListener('abort', () => {
          presentation.isOver = true;
          reject(new Error('aborted'));
        });
        send(presentation, resolve as (answer: unknown) => void, (error) => {
          presentation.isOver = true;
          reject(error);
        });
      }),
    revoke(key) {
      const family = families.get(key);
      if (family) end(family, 'revoked');
    },
    familyOf: (key) => families.get(key),
    named: (name) => byName.get(name),
    get requests() {
      return requests;
    },
  };
  return provider;
}
