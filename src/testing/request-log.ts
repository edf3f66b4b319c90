/** One request to the token endpoint, in the order of arrival. It holds secrets: keep it out of logs. */
export interface TokenRequest {
  /** Epoch milliseconds of its arrival. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  /** Header fields, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parameters of the form. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The refresh token as presented, in the form or the cookie. */
  readonly refreshToken: string | undefined;
  /** The client, as far as it said who it is. */
  readonly clientId: string | undefined;
  /** The status that went out; undefined while there is none: on the way, dropped, or hanging for ever. */
  readonly status: number | undefined;
  /** Whether the server issued tokens for it, whatever went out then. */
  readonly granted: boolean;
  /** Whether the refresh token had been used before. */
  readonly reused: boolean;
}

/** One request to the API, in the order of arrival. It holds secrets: keep it out of logs. */
export interface ApiRequest {
  /** Epoch milliseconds of its arrival. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  /** Header fields, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What `Authorization` carried after its scheme. */
  readonly accessToken: string | undefined;
  /** The status that went out; undefined while there is none: on the way, dropped, or hanging for ever. */
  readonly status: number | undefined;
}

/** A record that the server itself still fills in. */
export type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Appends to a list that keeps so many at most. */
export function keep<T>(list: T[], item: T, limit: number): T {
  list.push(item);
  if (list.length > limit) list.splice(0, list.length - limit);
  return item;
}
