import { OptionsError } from '../errors.js';
import type { Clock } from '../ports/clock.js';

/** A client that the server knows (RFC 6749 section 2). */
export interface AuthClient {
  /** Its name, as presented in `client_id` or as the user name of HTTP Basic. */
  clientId: string;
  /** Its secret; without one it is a public client. */
  clientSecret?: string;
  /** The only way it may authenticate; default `none` without a secret, and with one both `basic` and `post`. */
  authentication?: 'none' | 'basic' | 'post';
  /** Where `/authorize` may send its users back; on loopback any port will do (RFC 8252 section 7.3). Default anywhere. */
  redirectUris?: readonly string[];
}

/** What the server does; each can be given at creation and changed later with `server.set`. */
export interface AuthServerSwitches {
  /** How long an access token lives, in milliseconds. Default 3 600 000. */
  accessTokenLifetimeMs: number;
  /** How long a refresh token lives from its own issue on, in milliseconds. Default 2 592 000 000, thirty days. */
  refreshTokenLifetimeMs: number;
  /** How long a used refresh token gets the same answer again, in milliseconds. Default 0: the second time revokes the family. */
  reuseWindowMs: number;
  /** Members left out of the answers to a refresh. With `refresh_token`, the token presented stays good: no rotation. Default none. */
  omit: ReadonlyArray<'refresh_token' | 'expires_in' | 'token_type' | 'scope' | 'id_token'>;
  /** What access tokens are. Default `opaque`; `jwt` has `iat` and `exp` on the server's clock, and a signature that cannot be verified. */
  tokenFormat: 'opaque' | 'jwt';
  /** How far the server's clock is ahead of `clock`, in milliseconds; seen in `iat`, `exp` and `Date`. Default 0. */
  clockOffsetMs: number;
  /** How long a token request waits before the server acts, in milliseconds. Default 0. */
  delayMs: number;
  /** How long a token request waits after the server has acted, in milliseconds. Default 0. */
  answerDelayMs: number;
  /** How many token requests each client may make in a window; more get 429 with `Retry-After`. Default no limit. */
  rateLimit: { requests: number; windowMs: number } | undefined;
  /**
   * Whether tokens are bound to the key of a DPoP proof (RFC 9449): `accepted` where there is one, `required` always.
   *
   * Proofs are verified, their signature where there is `crypto.subtle`; none is good twice. A public client's refresh token
   * is bound too. Default `ignored`: no proof is looked at, but for the nonces below.
   */
  dpop: 'ignored' | 'accepted' | 'required';
  /** How often each nonce is good that the server gives, demanded at both ends; 1: another with every answer. Default none. */
  dpopNonceUses: number | undefined;
  /** How far `iat` of a proof may be from the server's clock, in milliseconds. Default 300 000. */
  dpopWindowMs: number;
  /** Whether `iat` is looked at although the nonce is right. Default `unless-nonce`: it is not. */
  dpopIat: 'checked' | 'unless-nonce';
  /** Whether a refresh token or code is spent before the proof is looked at, as some servers do. Default `false`. */
  dpopSpendsFirst: boolean;
  /** The nonce that a DPoP proof at the token endpoint must carry (RFC 9449 section 8). The proof is verified only with `dpop`. Default none. */
  dpopNonce: string | undefined;
  /** The nonce that a DPoP proof at the API must carry (RFC 9449 section 9). The proof is verified only with `dpop`. Default none. */
  apiDpopNonce: string | undefined;
  /** Where the refresh token travels. `cookie`: in an HttpOnly cookie, never in an answer's body. Default `response`. */
  refreshTokenIn: 'response' | 'cookie';
  /** Who is signed in at the server itself, as by its own cookie. Undefined: `/authorize` asks the user to sign in first. Default `ada`. */
  user: string | undefined;
  /** What that user says to a client; `pending` shows a page with a link, and keeps devices waiting. Default `given`. */
  consent: 'given' | 'refused' | 'pending';
  /** Whether callbacks carry `iss` (RFC 9207), and whether metadata promises that. Default `promised`. */
  callbackIssuer: 'promised' | 'sent' | 'omitted';
  /** Whether authorization requests have to be pushed first (RFC 9126). Default `false`. */
  requirePar: boolean;
  /** Which resources there are (RFC 8707); any other is `invalid_target`. Default any. */
  resources: readonly string[] | undefined;
  /** Whether a refresh token is spent before the resource is looked at, as some servers do. Default `false`. */
  targetSpendsFirst: boolean;
  /** How long an authorization code lives, in milliseconds. Default 60 000. */
  codeLifetimeMs: number;
  /** How long a device code lives, in milliseconds. Default 600 000. */
  deviceCodeLifetimeMs: number;
  /** How long a device waits between two polls (RFC 8628), in milliseconds; too early is `slow_down`. Default 5 000. */
  deviceIntervalMs: number;
  /** Whether pages of other origins can read `WWW-Authenticate`, `DPoP-Nonce`, `Retry-After` and `Date`. Default `true`. */
  exposeHeaders: boolean;
}

/** Options of {@link createAuthServer}; every switch can be given here as well. */
export interface AuthServerOptions extends Partial<AuthServerSwitches> {
  /** Where the server pretends to be. Default `https://auth.test`. */
  origin?: string;
  /** The clients it knows. Default: any client, without authentication. */
  clients?: readonly AuthClient[];
  /** What lifetimes and delays run on. Default the machine's clock; a `fakeClock()` makes them instant. */
  clock?: Clock;
  /** Numbers in [0, 1) that tokens are made of, for runs that repeat exactly. Default `crypto`. */
  random?: () => number;
  /** How many requests each list keeps; the oldest go first. Default all. */
  keepRequests?: number;
}

const DEFAULTS: AuthServerSwitches = {
  accessTokenLifetimeMs: 3_600_000,
  refreshTokenLifetimeMs: 2_592_000_000,
  reuseWindowMs: 0,
  omit: [],
  tokenFormat: 'opaque',
  clockOffsetMs: 0,
  delayMs: 0,
  answerDelayMs: 0,
  rateLimit: undefined,
  dpop: 'ignored',
  dpopNonceUses: undefined,
  dpopWindowMs: 300_000,
  dpopIat: 'unless-nonce',
  dpopSpendsFirst: false,
  dpopNonce: undefined,
  apiDpopNonce: undefined,
  refreshTokenIn: 'response',
  user: 'ada',
  consent: 'given',
  callbackIssuer: 'promised',
  requirePar: false,
  resources: undefined,
  targetSpendsFirst: false,
  codeLifetimeMs: 60_000,
  deviceCodeLifetimeMs: 600_000,
  deviceIntervalMs: 5_000,
  exposeHeaders: true,
};

const OTHERS = new Set(['origin', 'clients', 'clock', 'random', 'keepRequests']);

/** The switches among these options, over those given before or the defaults; throws `OptionsError` for a wrong one. */
export function readSwitches(options: object, before: AuthServerSwitches = DEFAULTS): AuthServerSwitches {
  const switches: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(options)) {
    if (before === DEFAULTS && OTHERS.has(name)) continue;
    if (!(name in DEFAULTS)) throw wrong(`a switch of the auth server (${Object.keys(DEFAULTS).join(', ')})`, name);
    if (name.endsWith('Ms') && !(Number.isFinite(value) && (name === 'clockOffsetMs' || Number(value) >= 0))) {
      throw wrong(`${name} to be milliseconds`, value);
    }
    switches[name] = value;
  }
  return switches as unknown as AuthServerSwitches;
}

/** The origin in its normal form; throws `OptionsError` for anything else than an origin. */
export function readOrigin(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url && url.href === `${url.origin}/`) return url.origin;
  throw wrong('origin to be an origin such as https://auth.test', origin);
}

function wrong(expected: string, value: unknown): OptionsError {
  return new OptionsError('ERR_OPTIONS', `Expected ${expected}, got ${String(value)}.`);
}
