import type { TokenManager } from '../manager/token-manager.js';
import { eventSentences, stateSentence } from './event-sentences.js';

/** Takes listeners by name, so that a table can be walked. */
interface Source {
  on(type: string, listener: (event: object) => void): () => void;
}

/**
 * Writes a sentence about everything that a token manager does; returns what stops that.
 *
 * Starts with how things are. Sentences hold no token, no claim and no URL path. They are for people: read events where
 * a program has to know.
 *
 * @param write Takes one sentence. Default `console.debug`, looked up at this call.
 *
 * @example
 * if (import.meta.env.DEV) void import('evertoken/debug').then(({ explain }) => explain(tokens));
 */
export function explain(tokens: TokenManager, write: (sentence: string) => void = console.debug): () => void {
  const say = (sentence: string) => write(`evertoken: ${sentence}`);
  say(stateSentence(tokens.getSnapshot()));
  const stops = Object.entries(eventSentences).map(([type, make]) =>
    (tokens as Source).on(type, (event) => say(make(event as never))),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
