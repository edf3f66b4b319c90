import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import type { Platform, RefreshTokens, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from './bare-manager.js';
import { recordWith } from './session-records.js';

const base = recordWith();

/** A session and what a refresh of it does, with nothing around it. */
export function oneSession(
  answer: (calls: number) => ReturnType<RefreshTokens> | Response | TokenResponse,
  options: Partial<TokenManagerOptions> = {},
  platform: Partial<Platform> = {},
) {
  const clock = fakeClock();
  const asked: Parameters<RefreshTokens>[0][] = [];
  const events: { type: string; payload: object }[] = [];
  const storage = {
    stored: encodeRecord(base),
    reads: 0,
    getItem: () => {
      storage.reads++;
      return storage.stored;
    },
    setItem: (_: string, value: string) => {
      storage.stored = value;
    },
    removeItem: () => undefined,
  };
  const manager = bareManager(
    { clock, random: () => 0.5, storage, ...platform },
    {
      carryOut: (effect) => {
        if (effect.type === 'emit') events.push(effect.event as (typeof events)[0]);
      },
    },
    async (request) => answer(asked.push(request)),
    options,
  );
  const { refresher, callers, session } = manager;
  hold(manager, base);
  events.length = 0;
  const served: { token?: string; error?: unknown } = {};
  return {
    clock,
    asked,
    events,
    storage,
    manager,
    refresher,
    session,
    served,
    /** Somebody waits for the outcome. */
    wait: () =>
      void callers.wait(undefined).then(
        (record) => Object.assign(served, { token: record.tokens.accessToken }),
        (error) => Object.assign(served, { error }),
      ),
    /** We hear of what a peer has stored. */
    hear: (record: SessionRecord) => session.dispatch({ type: 'found', record, wasStored: true }),
    of: (type: string) => events.filter((event) => event.type === type).map(({ payload }) => payload),
  };
}
