import type { TokenResponse } from '../../src/core/token-set.js';
import { START_AT, type World } from './world.js';

/** What a user has granted: one chain of refresh tokens, and what is known about its end. */
export interface Grant {
  readonly name: string;
  readonly startedAt: number;
  /** When a record of it was first given to the storage: a sign-in that waited for the lock counts from then. */
  writtenAt: number | undefined;
  /** The refresh token that the server takes; counts up. */
  newest: number;
  isAlive: boolean;
  /** A refresh token at or before this one has a successor that the storage took. */
  storedUpTo: number;
  /** The name of the key that its tokens are bound to. */
  readonly binding: string | undefined;
  /** That key is gone for good. */
  isKeyGone: boolean;
  /** The user signed out, or signed in again over it. */
  isLeft: boolean;
  /** Who has noted that a refresh token is being presented: by position, the holdings of the lock. */
  readonly marks: Map<number, Set<unknown>>;
  /** A peer has shown that the server refused it, or that it is over. */
  isFoundDead: boolean;
  /** A refresh of it was answered with the tokens of somebody else. */
  hasStranger: boolean;
  /** The newest access token. */
  access: Access | undefined;
  /** Why some promises do not hold for it: the storage forgot it, a holder was presumed dead. */
  readonly excuses: Set<string>;
}

/** An access token: where it belongs, and until when it can be used, by the clock of those who asked for it. */
export interface Access {
  readonly grant: Grant;
  /** The API that it is for; undefined: that of the session. */
  readonly target: string | undefined;
  /** The refresh token that came with it. */
  readonly index: number;
  /** By the server's clock. */
  readonly diesAt: number;
  isRevoked: boolean;
  /** When a page last heard a 401 about a proof with it, and could not read that it was not about the token. */
  seemedRefusedAt: number;
  /** By the clock on the wall, from just before the request was sent; undefined: never. */
  expiresAt: number | undefined;
  /** When it reached a peer, in true time. */
  heardAt: number | undefined;
  /** When somebody first tried to store it, and whether the storage took it. */
  writtenAt: number | undefined;
  isStored: boolean;
}

/** What the server says: tokens, or that the refresh token is no good. */
export type Decision = { readonly tokens: TokenResponse } | 'dead';

/** An authorization server with strict rotation: a refresh token that comes twice ends the grant. */
export interface SimServer {
  signIn(binding?: string): TokenResponse;
  refresh(refreshToken: string, target?: string): Decision;
  /** The API behind it. */
  accepts(accessToken: string, target?: string): boolean;
  find(accessToken: string): Access | undefined;
  /** The grant and the position of a refresh token. */
  locate(refreshToken: string): { readonly grant: Grant; readonly index: number } | undefined;
  readonly grants: ReadonlyMap<string, Grant>;
  /** Tokens of somebody else, in the answer to a refresh of this grant, which is over. */
  confuse(grant: Grant): TokenResponse;
  /** All access tokens so far are refused from now on. */
  revokeAccess(): void;
  /** How it answers: as it should, or not at all. */
  mood: 'up' | 'overloaded' | 'broken' | 'gateway' | 'portal' | 'misconfigured';
}

const unheard = { expiresAt: undefined, heardAt: undefined, writtenAt: undefined, isStored: false };

/** The life of an access token whose answer does not tell it. */
const UNTOLD_MS = 1_800_000;
/** What follows from an answer follows within this time. */
const LONGEST_MS = 180_000;

export function createSimServer(world: World): SimServer {
  const { lifetimeMs, rotates, hasIdTokens, givesRefreshTokens, proofs } = world.circumstances;
  const grants = new Map<string, Grant>();
  const accesses = new Map<string, Access>();

  function issue(grant: Grant, target?: string): TokenResponse {
    const diesAt = world.now + (lifetimeMs ?? UNTOLD_MS);
    const name = `a-${grant.name}-${accesses.size + 1}`;
    const accessToken = proofs?.hasJwtTokens ? jwtOf(name, world.now, diesAt) : name;
    const access = {
      grant,
      target,
      index: grant.newest,
      diesAt,
      isRevoked: false,
      seemedRefusedAt: Number.NEGATIVE_INFINITY,
      ...unheard,
    };
    accesses.set(accessToken, access);
    if (target === undefined) grant.access = access;
    const hasRefreshToken = givesRefreshTokens && (rotates || grant.newest === 1);
    return {
      access_token: accessToken,
      token_type: grant.binding === undefined ? 'Bearer' : 'DPoP',
      ...(lifetimeMs !== undefined && { expires_in: lifetimeMs / 1000 }),
      ...(hasIdTokens && { id_token: idTokenOf(grant.name) }),
      ...(hasRefreshToken && { refresh_token: `r-${grant.name}-${grant.newest}` }),
    };
  }

  function locate(refreshToken: string) {
    const [, name = '', index] = refreshToken.split('-');
    const grant = grants.get(name);
    return grant && { grant, index: Number(index) };
  }

  return {
    mood: 'up',
    grants,
    locate,
    find: (accessToken) => accesses.get(accessToken),
    signIn: (binding) => {
      const grant: Grant = {
        name: `g${grants.size + 1}`,
        startedAt: world.now,
        writtenAt: undefined,
        newest: 1,
        isAlive: true,
        storedUpTo: 0,
        binding,
        isKeyGone: false,
        isLeft: false,
        marks: new Map(),
        isFoundDead: false,
        hasStranger: false,
        access: undefined,
        excuses: new Set(),
      };
      grants.set(grant.name, grant);
      return issue(grant);
    },
    refresh: (refreshToken, target) => {
      const { grant, index } = locate(refreshToken) ?? {};
      if (!grant) return 'dead';
      if (index !== grant.newest) {
        if (grant.isAlive) world.trace(() => `server: ${refreshToken} comes again, ${grant.name} is over`);
        grant.isAlive = false;
      }
      if (!grant.isAlive) return 'dead';
      if (rotates) grant.newest++;
      return { tokens: issue(grant, target) };
    },
    confuse: (grant) => {
      grant.isAlive = false;
      grant.hasStranger = true;
      const names = { access_token: 'a-stranger-1', refresh_token: 'r-stranger-1', id_token: idTokenOf('stranger') };
      return { ...names, token_type: grant.binding === undefined ? 'Bearer' : 'DPoP', expires_in: 300 };
    },
    accepts: (accessToken, target) => {
      const { grant, isRevoked, diesAt, ...access } = accesses.get(accessToken) ?? {
        isRevoked: true,
        diesAt: 0,
        target,
      };
      return access.target === target && grant?.isAlive === true && !isRevoked && world.now < diesAt;
    },
    revokeAccess: () => {
      for (const access of accesses.values()) access.isRevoked = true;
    },
  };
}

/** Without a refresh token, a session lasts as long as its access token: to its expiry or, without one, to a refusal. */
export function isOver(world: World, { access, isAlive }: Grant): boolean {
  const { givesRefreshTokens } = world.circumstances;
  const { expiresAt, isRevoked = true, seemedRefusedAt = 0, diesAt = 0 } = access ?? {};
  const seemsRefused = world.now < seemedRefusedAt + LONGEST_MS;
  const isRefused = !isAlive || isRevoked || seemsRefused || world.now >= diesAt;
  const isPast = expiresAt === undefined ? isRefused : world.wall() >= expiresAt;
  return !givesRefreshTokens && isPast;
}

/** How long an access token lives, as far as whoever gets it is told: by the answer, or by the token itself. */
export function lifetimeOf({ circumstances: { lifetimeMs, proofs } }: World): number | undefined {
  return lifetimeMs ?? (proofs?.hasJwtTokens ? UNTOLD_MS : undefined);
}

/** An access token that says when it was issued, by the clock of the server. */
function jwtOf(name: string, now: number, diesAt: number): string {
  const [iat, exp] = [now, diesAt].map((at) => Math.floor((START_AT + at) / 1000));
  return `e30.${btoa(JSON.stringify({ jti: name, iat, exp })).replace(/=+$/, '')}.x`;
}

/** An ID token as far as a client reads it. */
function idTokenOf(subject: string): string {
  const claims = btoa(JSON.stringify({ iss: 'https://issuer.example', sub: subject }));
  return `e30.${claims.replace(/=+$/, '')}.x`;
}
