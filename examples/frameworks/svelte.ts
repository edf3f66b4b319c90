import type { SessionSnapshot, TokenManager } from 'evertoken';
import { type Readable, readable } from 'svelte/store';

/** The session as a store: `$session` in a component, `fromStore(session)` for runes. */
export function sessionStore(tokens: TokenManager): Readable<SessionSnapshot> {
  return readable(tokens.getSnapshot(), (set) => {
    const look = () => set(tokens.getSnapshot());
    const stop = tokens.subscribe(look);
    look();
    return stop;
  });
}
