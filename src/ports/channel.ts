/** Tells peers that something changed, and nothing else. */
export interface Channel {
  /** Tells the peers that the record under this key changed. Must not throw and need not arrive. */
  announce(key: string): void;
  /** Calls the listener on every announcement of a peer; own announcements may arrive too. Returns an unsubscribe function. */
  subscribe(key: string, listener: () => void): () => void;
}
