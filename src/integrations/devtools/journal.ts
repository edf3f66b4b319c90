import type { TokenEvents } from '../../core/session-events.js';
import type { TokenManager } from '../../manager/token-manager.js';
import { eventSentences } from '../event-sentences.js';

const KEPT = 200;

/** What happened, as it came; the sentence is made when somebody looks. */
export interface Entry {
  readonly number: number;
  readonly type: keyof TokenEvents;
  readonly event: { readonly at: number };
}

/** The last 200 events of a manager. */
export interface Journal {
  readonly entries: readonly Entry[];
  /** How many events there were in all. */
  readonly count: number;
}

interface Kept extends Journal {
  entries: Entry[];
  count: number;
  keepers: number;
  stop(): void;
}

/** Takes listeners by name, so that a table can be walked. */
interface Source {
  on(type: string, listener: (event: Entry['event']) => void): () => void;
}

const journals: WeakMap<TokenManager, Kept> = /* @__PURE__ */ new WeakMap();

/** Keeps the journal of a manager, one for all who look at it, until the last of them lets go. */
export function keepJournal(tokens: TokenManager): { readonly journal: Journal; release(): void } {
  const journal = journals.get(tokens) ?? start(tokens);
  journals.set(tokens, journal);
  journal.keepers++;
  return {
    journal,
    release: () => {
      if (--journal.keepers > 0) return;
      journals.delete(tokens);
      journal.stop();
    },
  };
}

function start(tokens: TokenManager): Kept {
  const source: Source = tokens;
  const stops = (Object.keys(eventSentences) as (keyof TokenEvents)[]).map((type) =>
    source.on(type, (event) => {
      journal.entries.push({ number: ++journal.count, type, event });
      if (journal.entries.length > KEPT) journal.entries.shift();
    }),
  );
  const journal: Kept = {
    entries: [],
    count: 0,
    keepers: 0,
    stop: () => {
      for (const stop of stops) stop();
    },
  };
  return journal;
}

/** The sentence of an entry. */
export function sentenceOf({ type, event }: Entry): string {
  return eventSentences[type](event as never);
}
