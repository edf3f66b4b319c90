import type { SessionSnapshot, TokenManager } from 'evertoken';
import { type Accessor, from } from 'solid-js';

/** The session as a signal, for as long as its owner lives. */
export function createSession(tokens: TokenManager): Accessor<SessionSnapshot> {
  return from((set) => {
    const look = () => set(() => tokens.getSnapshot());
    const stop = tokens.subscribe(look);
    look();
    return stop;
  }, tokens.getSnapshot());
}
