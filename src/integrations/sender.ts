import { hooks } from '../core/hooks.js';
import type { TokenSource } from '../manager/token-manager.js';
import { optionError } from './origins.js';

type Arguments = Parameters<typeof fetch>;

/** What sends requests. What is given has no more than `send`. */
export interface Sender {
  readonly send: typeof fetch;
  /** Marks an `init` as sent by this sender, for `returns`. */
  mark?(init: NonNullable<Arguments[1]>): void;
  /** Whether this sender has already sent this request: then the global `fetch` is, or calls, this one. */
  returns?(init: Arguments[1]): boolean;
}

/** Sends by a given `fetch`, or by the global one, looked up on each call; `before` is what was global at first. */
export function createSender(given: typeof fetch | undefined, before: typeof fetch): Sender {
  if (given) return { send: given };
  // Detects the return of an untouched request, which carries no mark; it is sent synchronously.
  let isSending = false;
  const seen: unique symbol = Symbol() as never;
  return {
    send: (input, init) => {
      isSending = true;
      try {
        return globalThis.fetch(input, init);
      } finally {
        isSending = false;
      }
    },
    mark: (init) => {
      if (globalThis.fetch !== before) Object.assign(init, { [seen]: true });
    },
    returns: (init) => isSending || (init as { [seen]?: true } | undefined)?.[seen] === true,
  };
}

/** Throws `OptionsError` for an access token that is bound to a key: without what signs, it would go out as `Bearer`. */
export function refuseBound(tokens: TokenSource, accessToken: string): void {
  if (tokens[hooks]?.bindingOf?.(accessToken) === undefined) return;
  throw optionError('fetch', 'dpop().fetch(tokens), and no authorize', 'the access token is bound to a key');
}

/** What signs requests to a server's own endpoints; `dpop()` makes one. */
export interface EndpointSigner {
  endpoint(binding: string, send?: typeof fetch): typeof fetch;
}

/** What sends to a server's own endpoints: with proofs by the key of the session, if that is bound to one. */
export function senderFor(
  binding: string | undefined,
  { dpop, fetch }: { dpop?: EndpointSigner | undefined; fetch?: typeof globalThis.fetch | undefined },
): typeof globalThis.fetch {
  if (binding === undefined) return fetch ?? globalThis.fetch;
  if (dpop) return dpop.endpoint(binding, fetch);
  // Read by the manager as the answer of a server: a refresh token is not presented without its proof.
  const error = optionError('dpop', 'what dpop() gave', 'the session is bound to a key');
  throw Object.assign(error, { error: 'unauthorized_client' });
}
