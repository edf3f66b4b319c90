/** Where a session's refresh token is presented, and how its client proves itself there. */
export interface GrantEndpoints {
  /** The token endpoint. */
  readonly token: string;
  /** The revocation endpoint (RFC 7009). */
  readonly revocation?: string | undefined;
  /** The address at which the server ends its own session (RP-initiated logout). */
  readonly endSession?: string | undefined;
  /** `token_endpoint_auth_methods_supported` of the server's metadata. */
  readonly authMethods?: readonly string[] | undefined;
}

/** Who granted a session, and to which key; stored with it, and no secret. */
export interface SessionGrant {
  /** The issuer identifier of the authorization server. */
  readonly issuer?: string | undefined;
  readonly endpoints?: GrantEndpoints | undefined;
  /** The thumbprint of the key that the tokens are bound to (RFC 7638). */
  readonly binding?: string | undefined;
}

/** What a sign-in knows beside its tokens; see {@link TokenManager.startSession}. */
export interface SignInGrant extends SessionGrant {
  /** Epoch milliseconds, just before the tokens were asked for. Default: now. */
  readonly requestedAt?: number | undefined;
  /**
   * The session goes on with these tokens if the same user signed in; default `false`.
   *
   * The user is the same if both ID tokens have the same `iss` and `sub`.
   */
  readonly continues?: boolean | undefined;
}

/** The grant of a session that goes on with a sign-in. `isKept`: with its refresh token, which its key belongs to. */
export function grantAfter(
  before: SessionGrant | undefined,
  granted: SessionGrant | undefined,
  isKept: boolean,
): SessionGrant {
  const binding = granted?.binding ?? (isKept ? before?.binding : undefined);
  return { ...before, ...granted, binding };
}

/** Whether a grant is text where it has to be. */
export function isSoundGrant({ issuer, endpoints, binding }: SessionGrant): boolean {
  const { token, revocation, endSession, authMethods = [] } = Object(endpoints) as Partial<GrantEndpoints>;
  const texts = [issuer, binding, endpoints && (token ?? 0), revocation, endSession];
  return Array.isArray(authMethods) && areVisible(texts.concat(authMethods));
}

/** Whether values are visible text, as far as they are there. */
export function areVisible(values: readonly unknown[]): boolean {
  return values.every((value) => value === undefined || isVisible(value));
}

/** Whether a value is text of visible ASCII. Any other character makes `Headers` throw an error that quotes the text. */
export function isVisible(value: unknown): boolean {
  return typeof value === 'string' && /^[ -~]+$/.test(value);
}
