/** The token endpoint's answer to a successful request (RFC 6749 section 5.1). */
export interface TokenResponse {
  /** The access token; visible ASCII characters only. */
  access_token: string;
  /** `Bearer`, in any case; may be missing. */
  token_type?: string | undefined;
  /** Seconds the access token lives, as a number or a numeric string. */
  expires_in?: number | string | undefined;
  /** The refresh token; when missing, the one before it is kept. */
  refresh_token?: string | undefined;
  /** Granted scopes, separated by spaces; when missing, those before are kept. */
  scope?: string | undefined;
  /** The ID token (OpenID Connect); when missing, the one before it is kept. */
  id_token?: string | undefined;
}
