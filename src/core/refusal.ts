/** What one refused refresh means. */
export interface RefreshFailure {
  /** `dead`: the grant is over; `transient`: ask again; `interaction`: the server wants the user; `config`: the client is set up wrongly; `unknown`: the answer does not say. */
  readonly kind: 'dead' | 'transient' | 'interaction' | 'config' | 'unknown';
  /** The HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** The OAuth error code, or the exact code of a known dialect, where it looks like a code. */
  readonly oauthError?: string;
  /** Epoch milliseconds; not before this moment, as the server asked (`Retry-After`). */
  readonly retryAt?: number;
  /** The parsed JSON of the answer. For `endsSession` alone: never stored, logged or put into an error. */
  readonly body?: unknown;
}
