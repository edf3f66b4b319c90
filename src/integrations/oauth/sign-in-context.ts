import type { SessionSnapshot } from '../../manager/token-manager.js';
import type { OAuthClient } from './client.js';
import type { Secrets } from './random.js';
import type { Platform, SignInStore } from './sign-in-store.js';

/** What all parts of a sign-in share. */
export interface SignInContext {
  readonly client: OAuthClient;
  readonly platform: Platform;
  readonly secrets: Secrets;
  readonly store: SignInStore;
  snapshot(): SessionSnapshot;
  /** The key that the session is bound to, as this tab knows it. */
  binding(): string | undefined;
}
