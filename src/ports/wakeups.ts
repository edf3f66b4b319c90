/** Moments after which timers are not to be trusted. */
export interface Wakeups {
  /** Calls the listener when the application becomes visible, resumes, comes back online. Returns an unsubscribe function. */
  subscribe(listener: () => void): () => void;
  /** `false` while hidden or in the background. */
  isAwake(): boolean;
  /** `false` only where the platform says that there is no network. */
  isOnline(): boolean;
}
