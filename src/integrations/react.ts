'use client';

import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useState,
  useSyncExternalStore,
} from 'react';
import { OptionsError } from '../errors.js';
import type { SessionSnapshot, TokenManager } from '../manager/token-manager.js';

/** The snapshot on a server and during hydration, which must render the same. */
const LOADING: SessionSnapshot = /* @__PURE__ */ Object.freeze({
  status: 'loading',
  sessionId: undefined,
  refreshing: false,
  issuedAt: undefined,
  expiresAt: undefined,
  refreshExpiresAt: undefined,
  retryAt: undefined,
  error: undefined,
  scopes: Object.freeze([]),
  claims: undefined,
});

const Provided: Context<TokenManager | undefined> = /* @__PURE__ */ createContext<TokenManager | undefined>(undefined);

/**
 * Gives the components below it a token manager.
 *
 * It neither creates nor disposes one: a manager lives as long as its module, whatever React does to components.
 */
export function SessionProvider({ tokens, children }: { tokens: TokenManager; children?: ReactNode }): ReactElement {
  return createElement(Provided.Provider, { value: tokens }, children);
}

/**
 * The token manager of the nearest `SessionProvider`, for commands such as `endSession()`.
 *
 * Take an access token where it is used, and never into a component's state, props or markup.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: there is no `SessionProvider` above
 */
export function useTokens(): TokenManager {
  const tokens = useContext(Provided);
  if (tokens) return tokens;
  throw new OptionsError('ERR_OPTIONS', 'Expected a <SessionProvider tokens={…}> above this component, found none.');
}

/** The session, and a new rendering whenever it changes; `loading` on a server and until hydration is done. */
export function useSession(): SessionSnapshot;
/**
 * What `select` makes of the session, and a new rendering only when that changes.
 *
 * Compared by identity, arrays element by element. It must not throw or call hooks; it may close over props.
 *
 * @example
 * const status = useSession((session) => session.status); // no refresh renders it
 */
export function useSession<T>(select: (session: SessionSnapshot) => T): T;
export function useSession(select: (session: SessionSnapshot) => unknown = whole): unknown {
  const tokens = useTokens();
  const [selected] = useState(createSelection);
  return useSyncExternalStore(
    tokens.subscribe,
    () => selected(tokens.getSnapshot(), select),
    () => selected(LOADING, select),
  );
}

/**
 * Resolves when it is known whether there is a session, or that it cannot be known now; see `error` of the snapshot.
 *
 * The same promise for the same manager, so that `use(whenReady(tokens))` of React 19 suspends until then.
 */
export function whenReady(tokens: TokenManager): Promise<void> {
  const known = ready.get(tokens);
  if (known) return known;
  const promise = new Promise<void>((resolve) => {
    let stop: (() => void) | undefined;
    const look = () => {
      const { status, error } = tokens.getSnapshot();
      if (status === 'loading' && !error) return;
      stop?.();
      resolve();
    };
    stop = tokens.subscribe(look);
    look();
  });
  ready.set(tokens, promise);
  return promise;
}

const ready: WeakMap<TokenManager, Promise<void>> = /* @__PURE__ */ new WeakMap();

/** Selects once for each pair of a snapshot and a function, and gives an equal selection as the one it was before. */
function createSelection(): (session: SessionSnapshot, select: (session: SessionSnapshot) => unknown) => unknown {
  let last: { session: SessionSnapshot; select: unknown; value: unknown } | undefined;
  return (session, select) => {
    if (last?.session === session && last.select === select) return last.value;
    const value = select(session);
    last = { session, select, value: last && isSame(last.value, value) ? last.value : value };
    return last.value;
  };
}

/** Two arrays of the same elements; what is no array needs no replacing to be itself. */
function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
  return one.every((element, index) => Object.is(element, other[index]));
}

function whole(session: SessionSnapshot): SessionSnapshot {
  return session;
}
