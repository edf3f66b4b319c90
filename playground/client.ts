import type { Platform, TokenResponse } from '../src/index.js';
import type { AuthServer } from '../src/testing.js';

/** What one tab does, whoever keeps its tokens. */
export interface Client {
  /** Calls the API once; resolves to the status that the application sees, or to why there is none. */
  call(): Promise<number | 'failed' | 'signed out'>;
  signIn(tokens: TokenResponse): Promise<void>;
  signOut(): Promise<void>;
  look(): Look;
}

/** How a tab is. */
export interface Look {
  readonly isSignedIn: boolean;
  readonly isRefreshing: boolean;
  readonly issuedAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  /** Why refreshing fails at present. */
  readonly trouble?: string | undefined;
}

/** What a client is made of, and whom it tells what happens. */
export interface ClientParts {
  readonly platform: Platform;
  /** What the browser stores, as it can be seen from outside, also while the tab is frozen. */
  readonly items: ReadonlyMap<string, string>;
  /** Sends a request from this tab. */
  readonly fetch: typeof fetch;
  readonly server: AuthServer;
  readonly observer: Observer;
}

/** Is told what happens in a tab. */
export interface Observer {
  told(type: string, sentence: string): void;
  /** The session is over, and nobody has asked for that. */
  signedOut(): void;
}
