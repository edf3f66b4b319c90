/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** The authentication scheme, in lower case, such as `bearer`. */
  readonly scheme: string;
  /** The parameters; names in lower case, values as sent, unquoted. */
  readonly parameters: Readonly<Record<string, string>>;
}
