/** What the page of each library is told by the run. */
export interface Settings {
  readonly issuer: string;
  /** The origin of the API. */
  readonly api: string;
  /** Whether tokens are to be bound to a key (RFC 9449). */
  readonly isBound?: boolean;
  /** The audiences, or resources, that the user signs in for; the first is the default. */
  readonly audiences?: readonly string[];
  /** The user, where the library wants to know before. */
  readonly did?: string;
}

/** What the run asks of the page of each library. */
export interface ComparedPage {
  /** Where to send the user to sign in. */
  begin(): Promise<string>;
  /** `signed in`, `no callback`, or what went wrong. */
  readonly arrived: Promise<string>;
  /** Calls the API, and gives the status. */
  call(path: string): Promise<number>;
  refresh(): Promise<void>;
  /** Access tokens for all of these at once, or what went wrong. */
  tokensFor?(audiences: readonly string[]): Promise<{ token?: string; error?: string }[]>;
}
