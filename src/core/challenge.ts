import { containsPart, REDACTED } from './redact.js';

/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** The authentication scheme, in lower case, such as `bearer`. */
  readonly scheme: string;
  /** The parameters; names in lower case, values as sent, unquoted. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a claims challenge asks for (OpenID Connect Core section 5.5); undefined for any other challenge. */
export function claimsOf(challenge: Challenge | undefined): string | undefined {
  return challenge?.parameters?.claims || undefined;
}

const MAX_LENGTH = 8192;
const MAX_CHALLENGES = 16;
const MAX_PARAMETERS = 32;

// Each match consumes separators and then one part: a parameter (name, quoted or plain value), a word, or a run of other
// characters. A word after a comma is a scheme; any other word may be a token68. `$` consumes trailing separators, so
// that matching takes linear time on any input.
const PART =
  /(\s*,)?[\s,]*(?:([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s",=][^\s",]*))|(?=[\s,]|$))|[^\s,]+|$)/g;

/**
 * Reads a `WWW-Authenticate` header, which may hold several challenges (RFC 9110 section 11.6.1).
 *
 * A token68 is left out, as it may be a secret; of a parameter named twice the first counts. What is malformed is
 * skipped; what comes after 8 192 characters, 16 challenges or 32 parameters of one challenge is ignored.
 */
export function readChallenges(header: string | null | undefined): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let parameters: Record<string, string> | undefined;
  let free = 0;
  for (const match of (header ?? '').slice(0, MAX_LENGTH + 1).matchAll(PART)) {
    const [part, separator, name, quoted, plain] = match;
    if (match.index + part.length > MAX_LENGTH) break;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (name === undefined) continue;
    if (value !== undefined) {
      if (parameters && free-- > 0) parameters[name.toLowerCase()] ??= value;
    } else if (separator || match.index === 0) {
      if (challenges.length === MAX_CHALLENGES) break;
      parameters = Object.create(null) as Record<string, string>;
      free = MAX_PARAMETERS;
      challenges.push({ scheme: name.toLowerCase(), parameters });
    }
  }
  return challenges;
}

/**
 * Replaces every parameter value that contains part of a secret by `[redacted]`.
 *
 * A part is six or more characters in a row, upper and lower case alike. A scheme is replaced too (`bearer` aside),
 * and a parameter is left out if its name contains such a part. The challenges given are not changed.
 */
export function redactChallenges(
  challenges: readonly Challenge[],
  secrets: readonly (string | undefined)[],
): readonly Challenge[] {
  const tells = (text: string): boolean =>
    secrets.some((secret) => containsPart(text.toLowerCase(), secret?.toLowerCase() ?? ''));
  return challenges.map(({ scheme, parameters }) => {
    const shown = Object.create(null) as Record<string, string>;
    for (const [name, value] of Object.entries(parameters)) {
      if (!tells(name)) shown[name] = tells(value) ? REDACTED : value;
    }
    return { scheme: scheme !== 'bearer' && tells(scheme) ? REDACTED : scheme, parameters: shown };
  });
}
