import type { TokenResponse } from '../core/token-set.js';
import type { AuthServerSwitches } from './auth-server-options.js';
import { fingerprint, type Mint } from './mint.js';

/** The user of a family of tokens, and what the tokens allow. */
export interface Grant {
  readonly user: string;
  readonly scope: string;
  readonly clientId: string | undefined;
  /** Further claims of the ID token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Who issues; default the server's origin. */
  readonly issuer?: string;
  /** The resources that access tokens may be for (RFC 8707); the first is the default. */
  readonly resources?: readonly string[];
  /** How the user proved who they are (RFC 9470). */
  readonly acr?: string | undefined;
  /** Epoch milliseconds of that authentication. */
  readonly authenticatedAt?: number;
  /** The thumbprint of the key that refresh tokens are bound to (RFC 9449 section 5). */
  readonly jkt?: string | undefined;
}

/** Options of a single answer. */
export interface IssueOptions {
  /** Further claims of this ID token alone. */
  readonly once?: Readonly<Record<string, unknown>>;
  /** Members left out of the answer. */
  readonly omit?: AuthServerSwitches['omit'];
  /** What the access token is for (RFC 8707). */
  readonly resource?: string | undefined;
  /** There is no such resource. */
  readonly isUnknown?: boolean;
  /** Names of claims that the access token was asked to meet (OpenID Connect Core section 5.5). */
  readonly met?: readonly string[];
  /** The thumbprint of the key that this access token is bound to. */
  readonly jkt?: string | undefined;
}

/** All the tokens that descend from one sign-in. */
interface Family extends Grant {
  readonly id: string;
  revoked: boolean;
}

interface RefreshRecord {
  readonly family: Family;
  readonly expiresAt: number;
  /** When it was used, and a function that makes the same answer again from the same token. */
  used?: { at: number; asked: string; repeat: (presented: string) => TokenResponse };
}

interface AccessRecord {
  readonly family: Family;
  readonly scope: string;
  readonly expiresAt: number;
  readonly resource: string | undefined;
  readonly met: readonly string[];
  readonly jkt: string | undefined;
}

/** What the server knows about one token; no secret in it. */
export interface TokenFacts {
  readonly kind: 'access' | 'refresh';
  /** Names the family; the same for all tokens that descend from one sign-in. */
  readonly familyId: string;
  readonly user: string;
  readonly clientId: string | undefined;
  readonly scope: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** Whether this refresh token has been answered for with another one. */
  readonly used: boolean;
  /** Whether the server would accept it now: not expired, not revoked, not used. */
  readonly active: boolean;
  /** What an access token is for (RFC 8707), where that was said. */
  readonly resource?: string;
  /** How the user proved who they are (RFC 9470), where that was asked for. */
  readonly acr?: string;
  /** Epoch milliseconds of that proof, where it happened at `/authorize`. */
  readonly authenticatedAt?: number;
  /** Names of claims that an access token was asked to meet. */
  readonly met?: readonly string[];
  /** The thumbprint of the key that the token is bound to (RFC 9449), where it is. */
  readonly jkt?: string;
}

/** The outcome of presenting a refresh token. */
export type RefreshOutcome =
  | { readonly tokens: TokenResponse; readonly reused: boolean }
  | { readonly error: RefreshRefusal; readonly why: string; readonly reused: boolean };

type RefreshRefusal = 'invalid_grant' | 'invalid_scope' | 'invalid_target';

/** The families and their tokens, of which only hashes are kept. */
export interface Grants {
  start(grant: Grant, options?: IssueOptions): TokenResponse;
  refresh(
    presented: string,
    clientId: string | undefined,
    scope: string | undefined,
    options?: IssueOptions,
  ): RefreshOutcome;
  find(token: string): TokenFacts | undefined;
  /** Revokes the family of a token, or every family, and returns how many that were. */
  revoke(token?: string): number;
  revokeAccess(token?: string): void;
  readonly counts: { refreshesGranted: number; reusesDetected: number; familiesRevoked: number };
}

/** What grants are made with. */
export interface GrantsContext {
  readonly mint: Mint;
  readonly issuer: string;
  readonly now: () => number;
  readonly switches: () => AuthServerSwitches;
}

/** What is kept: records by the fingerprint of their token. */
interface Book extends GrantsContext {
  readonly refreshes: Map<string, RefreshRecord>;
  readonly accesses: Map<string, AccessRecord>;
  readonly counts: Grants['counts'];
  readonly prune: () => void;
}

/** Makes an empty set of grants. */
export function createGrants(context: GrantsContext): Grants {
  const refreshes = new Map<string, RefreshRecord>();
  const accesses = new Map<string, AccessRecord>();
  const counts = { refreshesGranted: 0, reusesDetected: 0, familiesRevoked: 0 };
  const book: Book = {
    ...context,
    refreshes,
    accesses,
    counts,
    prune: createPruning([refreshes, accesses], context.now),
  };
  return {
    counts,
    start: (grant, options = {}) => {
      const family: Family = { ...grant, id: context.mint.random(), revoked: false };
      return issue(book, context.mint.random(), family, grant.scope, options);
    },
    refresh: (presented, clientId, scope, options = {}) => refresh(book, { presented, clientId, scope, ...options }),
    find: (token) => find(book, token),
    revoke: (token) => {
      const records = token === undefined ? [...refreshes.values(), ...accesses.values()] : [recordOf(book, token)];
      return records.filter((record) => record && revokeFamily(book, record.family)).length;
    },
    revokeAccess: (token) => {
      if (token === undefined) accesses.clear();
      else accesses.delete(fingerprint(token));
    },
  };
}

function recordOf({ refreshes, accesses }: Book, token: string): RefreshRecord | AccessRecord | undefined {
  return refreshes.get(fingerprint(token)) ?? accesses.get(fingerprint(token));
}

function revokeFamily(book: Book, family: Family): boolean {
  if (family.revoked) return false;
  family.revoked = true;
  book.counts.familiesRevoked++;
  return true;
}

/** Issues a token set that is derived from a secret, so that the same secret gives the same tokens. */
function issue(book: Book, secret: string, family: Family, scope: string, options: IssueOptions): TokenResponse {
  const { accessTokenLifetimeMs, refreshTokenLifetimeMs } = book.switches();
  const now = book.now();
  const { resource = family.resources?.[0], met = [], jkt } = options;
  const repeat = composer(book, family, scope, { ...options, resource });
  const tokens = repeat(secret);
  book.prune();
  const expiresAt = now + accessTokenLifetimeMs;
  book.accesses.set(fingerprint(tokens.access_token), { family, scope, expiresAt, resource, met, jkt });
  if (tokens.refresh_token) {
    const presented = book.refreshes.get(fingerprint(secret));
    if (presented) presented.used = { at: presented.used?.at ?? now, asked: askedFor(scope, resource), repeat };
    book.refreshes.set(fingerprint(tokens.refresh_token), { family, expiresAt: now + refreshTokenLifetimeMs });
  }
  return tokens;
}

interface Presented extends IssueOptions {
  readonly presented: string;
  readonly clientId: string | undefined;
  readonly scope: string | undefined;
}

/** By which it is told whether the same is asked for again. */
function askedFor(scope: string, resource: string | undefined): string {
  return `${scope} ${resource}`;
}

function refresh(
  book: Book,
  { presented, clientId, scope = '', isUnknown, met, jkt, ...asked }: Presented,
): RefreshOutcome {
  const record = book.refreshes.get(fingerprint(presented));
  const used = record?.used;
  const reused = used !== undefined;
  const deny = (why: string, error: RefreshRefusal = 'invalid_grant') => ({ error, why, reused });
  if (!record) return deny('this refresh token is unknown');
  const { family, expiresAt } = record;
  if (family.clientId !== undefined && family.clientId !== clientId) return deny('it was issued to another client');
  if (family.revoked) return deny('its family is revoked');
  if (family.jkt !== undefined && family.jkt !== jkt) return deny('it is bound to another key');
  if (used && book.now() - used.at >= book.switches().reuseWindowMs) {
    book.counts.reusesDetected++;
    revokeFamily(book, family);
    return deny('it was used before, so its family is revoked now');
  }
  const { resource = family.resources?.[0] } = asked;
  if (used?.asked === askedFor(scope || family.scope, resource)) return { tokens: used.repeat(presented), reused };
  if (book.now() >= expiresAt) return deny('it has expired');
  const granted = family.scope.split(' ');
  if (!scope.split(' ').every((one) => !one || granted.includes(one))) {
    return deny('the scope goes beyond what was granted', 'invalid_scope');
  }
  if (isUnknown || (resource !== undefined && family.resources && !family.resources.includes(resource))) {
    // some servers rotate before they look at the resource, and nobody is told the new refresh token
    if (book.switches().targetSpendsFirst) issue(book, presented, family, family.scope, { jkt });
    if (isUnknown) return deny('there is no such resource', 'invalid_target');
    return deny('the resource goes beyond what was granted', 'invalid_target');
  }
  book.counts.refreshesGranted++;
  const options: IssueOptions = { omit: book.switches().omit, resource, jkt, ...(met && { met }) };
  return { tokens: issue(book, presented, family, scope || family.scope, options), reused };
}

function find(book: Book, token: string): TokenFacts | undefined {
  const record = recordOf(book, token);
  if (!record) return undefined;
  const { family, expiresAt } = record;
  const access = 'scope' in record;
  const used = !access && record.used !== undefined;
  const jkt = access ? record.jkt : family.jkt;
  return {
    kind: access ? 'access' : 'refresh',
    familyId: family.id,
    user: family.user,
    clientId: family.clientId,
    scope: access ? record.scope : family.scope,
    expiresAt,
    used,
    active: !family.revoked && !used && book.now() < expiresAt,
    ...(access && record.resource !== undefined && { resource: record.resource }),
    ...(access && record.met.length > 0 && { met: record.met }),
    ...(jkt !== undefined && { jkt }),
    ...(family.acr !== undefined && { acr: family.acr }),
    ...(family.authenticatedAt !== undefined && { authenticatedAt: family.authenticatedAt }),
  };
}

/** Makes a function that builds an answer from its secret, so that it can be repeated without keeping a token. */
function composer(
  { mint, issuer: origin, now, switches }: GrantsContext,
  { user, clientId, claims, scope: grantedScope, issuer = origin }: Family,
  scope: string,
  { once, omit = [], resource, jkt }: IssueOptions,
): (secret: string) => TokenResponse {
  const { accessTokenLifetimeMs, tokenFormat, clockOffsetMs } = switches();
  const seed = mint.random();
  const iat = Math.floor((now() + clockOffsetMs) / 1_000);
  const exp = Math.floor((now() + clockOffsetMs + accessTokenLifetimeMs) / 1_000);
  const common = { iss: issuer, sub: user, iat, exp };
  return (secret) => {
    const jti = mint.derive(secret, `${seed} access`);
    const tokens: TokenResponse = {
      access_token:
        tokenFormat === 'jwt'
          ? mint.jwt('at+jwt', { ...common, aud: resource, client_id: clientId, scope, jti, cnf: jkt && { jkt } })
          : `access.${jti}`,
      token_type: jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: accessTokenLifetimeMs / 1_000,
      refresh_token: `refresh.${mint.derive(secret, `${seed} refresh`)}`,
    };
    if (scope) tokens.scope = scope;
    if (grantedScope.split(' ').includes('openid'))
      tokens.id_token = mint.jwt('JWT', { ...claims, ...once, ...common, aud: clientId });
    for (const member of omit) delete tokens[member];
    return tokens;
  };
}

/** Removes expired records from time to time, so that memory stays bounded in a long run. */
function createPruning(maps: ReadonlyArray<Map<string, { expiresAt: number }>>, now: () => number): () => void {
  const limits = maps.map(() => 1_000);
  return () => {
    maps.forEach((map, index) => {
      if (map.size < (limits[index] ?? 0)) return;
      for (const [key, { expiresAt }] of map) if (expiresAt <= now()) map.delete(key);
      limits[index] = Math.max(1_000, map.size * 2);
    });
  };
}
