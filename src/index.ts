export type { RetryPolicy } from './core/backoff.js';
export type { Challenge } from './core/challenge.js';
export type { RefreshFailure } from './core/refusal.js';
export type { RefreshReason, RequestRejection, TokenEvents } from './core/session-events.js';
export type { GrantEndpoints, SessionGrant, SignInGrant } from './core/session-grant.js';
export type { TokenResponse } from './core/token-set.js';
export { createTokenManager } from './create-token-manager.js';
export {
  type AnyTokenError,
  findTokenError,
  isRetryable,
  isTokenError,
  LockError,
  type LockErrorCode,
  OptionsError,
  type OptionsErrorCode,
  RefreshError,
  type RefreshErrorCode,
  SessionError,
  type SessionErrorCode,
  StorageError,
  type StorageErrorCode,
  TokenError,
} from './errors.js';
export { createFetch, type FetchOptions } from './integrations/fetch.js';
export { type TokenEndpointOptions, tokenEndpoint } from './integrations/token-endpoint.js';
export type { TokenManagerOptions } from './manager/options.js';
export type { SessionSnapshot, TokenManager, TokenSource } from './manager/token-manager.js';
export type { Channel } from './ports/channel.js';
export type { Clock } from './ports/clock.js';
export type { Lease, Lock } from './ports/lock.js';
export type { Marks } from './ports/marks.js';
export type { Platform } from './ports/platform.js';
export type { RefreshRequest, RefreshTokens, RevokeRequest, RevokeTokens } from './ports/refresh.js';
export type { TokenStorage } from './ports/storage.js';
export type { Wakeups } from './ports/wakeups.js';
export { inProcess } from './presets/in-process.js';
