import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  createFetch,
  createTokenManager,
  isTokenError,
  type Platform,
  type RevokeTokens,
  type TokenManager,
  tokenEndpoint,
} from 'evertoken';
import { openTelemetry } from 'evertoken/otel';
import { type AuthServer, createAuthServer, peers } from 'evertoken/testing';
import type { PatientClock } from './patient-clock.js';
import { CANARIES, type World } from './scenario.js';

const SESSIONS = 40;
const LIFETIME_MS = 4_000;
/** Between two requests of a user, on average. */
const REST_MS = 600;
/** How many things there are that users ask for. */
const THINGS = 11;
/** How many requests a user makes before signing out. */
const VISIT = 30;
/** How long a user whose session has ended needs to sign in again. */
const SIGN_IN_MS = 1_500;
/** Network and work of a token endpoint that is well. */
const LATENCY_MS = 20;

/** What users felt so far. */
export interface Felt {
  requests: number;
  /** Requests that were answered, but not with 2xx. */
  refused: number;
  /** What else users were told, by the code of the error. */
  readonly errors: Map<string, number>;
  /** Sessions that ended without their user's doing, by reason. */
  readonly signedOut: Map<string, number>;
}

/** An application with some 40 sessions whose users are at work, observed by the SDK of OpenTelemetry. */
export interface Fleet extends World {
  readonly felt: Felt;
  /** What Prometheus is told now. */
  scrape(): Promise<string>;
  /** Everybody leaves, and nothing is left behind. */
  end(): Promise<void>;
}

/** Signs everybody in, and lets them work. */
export function startFleet(clock: PatientClock): Fleet {
  const server = createAuthServer({
    clock,
    accessTokenLifetimeMs: LIFETIME_MS,
    answerDelayMs: LATENCY_MS,
    keepRequests: 2_000,
  });
  const [peer] = peers(1, { clock });
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meters = new MeterProvider({ readers: [exporter] });
  const create = openTelemetry({ metrics: { getMeter: (name) => meters.getMeter(name) } })(createTokenManager);
  const felt: Felt = { requests: 0, refused: 0, errors: new Map(), signedOut: new Map() };
  const platform = peer.platform;
  let isOver = false;

  const lives = Array.from({ length: SESSIONS }, async (_, number) => {
    const tokens = create(optionsFor(server, platform, `user-${number}`));
    tokens.on('sessionEnded', ({ reason }) => {
      if (reason !== 'ended') count(felt.signedOut, reason);
    });
    await clock.pause(Math.random() * LIFETIME_MS); // people do not come at the same moment
    await live({ tokens, server, clock, felt, user: `user-${number}`, isOver: () => isOver });
    tokens.dispose();
  });

  const serializer = new PrometheusSerializer();
  return {
    server,
    peer,
    felt,
    isScraped: true,
    scrape: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
    end: async () => {
      isOver = true;
      await Promise.all(lives);
      await meters.shutdown();
    },
  };
}

function optionsFor(server: AuthServer, platform: Platform, key: string) {
  const revoke: RevokeTokens = ({ refreshToken, signal }) =>
    server.fetch(server.revokeUrl, {
      method: 'POST',
      body: new URLSearchParams({ token: refreshToken ?? '' }),
      signal,
    });
  return {
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'game-day', fetch: server.fetch }),
    revoke,
    platform,
    key,
    // a second here is a minute of the rules, and delays between attempts shrink as everything does
    retry: { attempts: 3, minDelayMs: 20, maxDelayMs: 1_000 },
  };
}

interface Life {
  readonly tokens: TokenManager;
  readonly server: AuthServer;
  readonly clock: PatientClock;
  readonly felt: Felt;
  readonly user: string;
  readonly isOver: () => boolean;
}

/** Asks the API again and again, signs out after a while, and signs in again. */
async function live({ tokens, server, clock, felt, user, isOver }: Life): Promise<void> {
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  const claims = { name: CANARIES.claim };
  const isSignedIn = () => tokens.getSnapshot().status === 'active';
  let left = Math.ceil(Math.random() * VISIT);
  while (!isOver()) {
    if (!isSignedIn()) await tell(felt, () => tokens.startSession(server.signIn({ user, scope: 'openid', claims })));
    felt.requests++;
    await tell(felt, async () => {
      const response = await api(`${server.apiUrl}/${CANARIES.path}/${felt.requests % THINGS}`);
      if (!response.ok) felt.refused++;
      await response.body?.cancel();
    });
    if (--left <= 0) {
      left = VISIT;
      await tell(felt, () => tokens.endSession());
    }
    await clock.pause(isSignedIn() ? REST_MS * (0.5 + Math.random()) : SIGN_IN_MS);
  }
}

/** Does what a user asks for; what goes wrong is what the user is told. */
async function tell(felt: Felt, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    count(felt.errors, isTokenError(error) ? error.code : 'network');
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
