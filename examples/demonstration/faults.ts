import type { AuthServer, ScriptedAnswer } from 'evertoken/testing';

/** What the token endpoint does instead of answering well. */
const FAULTS: Readonly<Record<string, ScriptedAnswer>> = {
  'request lost': { drop: true },
  'rotated, then the answer lost': { acts: true, drop: true },
  'rotated, then no answer for 3 s': { acts: true, answerDelayMs: 3_000 },
  'answer late by 1 s': { answerDelayMs: 1_000 },
  '503': { status: 503, body: 'over capacity' },
  '503 with Retry-After: 1': { status: 503, headers: { 'Retry-After': '1' }, body: 'over capacity' },
  '429 with Retry-After: 1': { status: 429, headers: { 'Retry-After': '1' }, body: 'slow down' },
  '200 with the sign-in page of a hotel': { status: 200, body: '<html>Welcome</html>' },
};
/** Requests that are answered well, for each round of faults. */
const WELL = 4;

/** What has been done to the callers. */
export interface Faults {
  /** How often each fault struck. */
  readonly struck: ReadonlyMap<string, number>;
  readonly total: number;
  /** From now on everything works. */
  stop(): void;
}

const REVOKED = 'access token revoked before its time';
const REVOKE_EVERY_MS = 7_000;

/** Lets faults strike; `onFault` hears of each. */
export function injectFaults(server: AuthServer, onFault: (name: string) => void): Faults {
  const struck = new Map(Object.keys(FAULTS).map((name) => [name, 0]));
  struck.set(REVOKED, 0);
  let total = 0;

  function strike(name: string): void {
    struck.set(name, (struck.get(name) ?? 0) + 1);
    total++;
    onFault(name);
  }

  // dealt like cards: in a different order each time, but all of them come, and no luck lasts for ever
  let deck: (string | undefined)[] = [];
  server.always(() => {
    if (deck.length === 0) deck = [...Object.keys(FAULTS), ...Array<undefined>(WELL).fill(undefined)];
    const [name] = deck.splice(Math.floor(Math.random() * deck.length), 1);
    if (name === undefined) return undefined;
    strike(name);
    return FAULTS[name];
  });
  const timer = setInterval(() => {
    server.revokeAccessTokens();
    strike(REVOKED);
  }, REVOKE_EVERY_MS);

  return {
    struck,
    get total() {
      return total;
    },
    stop: () => {
      clearInterval(timer);
      server.always(undefined);
    },
  };
}
