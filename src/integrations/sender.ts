type Arguments = Parameters<typeof fetch>;

/** What sends requests. What is given has no more than `send`. */
export interface Sender {
  readonly send: typeof fetch;
  /** Makes an `init` of our own known to `returns`. */
  mark?(init: NonNullable<Arguments[1]>): void;
  /** A request comes back that we have sent already: the global `fetch` is ours, or leads to us. */
  returns?(init: Arguments[1]): boolean;
}

/** Sends by a given `fetch`, or by the global one, looked up on each call; `before` is what was global at first. */
export function createSender(given: typeof fetch | undefined, before: typeof fetch): Sender {
  if (given) return { send: given };
  // of a request that is passed on untouched nothing else can tell; it is sent in the turn of the call
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
