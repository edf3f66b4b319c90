import { createFetch, createTokenManager, inProcess, type Platform, type TokenManager, tokenEndpoint } from 'evertoken';
import { type AuthServer, createAuthServer } from 'evertoken/testing';
import { type Callers, startCallers } from './callers.js';
import { type Faults, injectFaults } from './faults.js';
import { createMeter, type Meter, timeNetwork, watchTokens } from './meter.js';
import { LATENCY_MS, LIFETIME_MS, REUSE_WINDOW_MS, type Settings } from './settings.js';

/** More than any delay of this demonstration, and the request after it. */
const RECOVERY_MS = 10_000;

/** A refresh that succeeded. */
export interface Refresh {
  readonly startedAt: number;
  readonly endedAt: number;
  /** When the access token that it replaced would have expired. */
  readonly expiresAt: number;
}

/** What happened to the session. */
export interface Log {
  readonly startedAt: number;
  readonly refreshes: Refresh[];
  /** Attempts that failed, by code. */
  readonly failedAttempts: Map<string, number>;
  readonly signOuts: string[];
  /** Access tokens that the API has seen. */
  readonly accessTokens: Set<string>;
}

/** The demonstration while it runs. */
export interface Job {
  readonly origin: string;
  readonly server: AuthServer;
  readonly tokens: TokenManager;
  readonly meter: Meter;
  readonly log: Log;
  readonly faults: Faults | undefined;
  readonly callers: Callers;
  /** No more faults; everybody finishes; the newest access token is used once more. Then nothing is left behind. */
  end(): Promise<void>;
}

/** What a run reports while it goes on. */
export interface Listener {
  refreshed(refresh: Refresh): void;
  fault(name: string): void;
}

/** Starts the server on a loopback port, signs in, and lets the callers loose. */
export async function startJob(
  settings: Settings,
  listener: Listener,
  { platform = inProcess(), keepRequests = 1_000 }: { platform?: Platform; keepRequests?: number } = {},
): Promise<Job> {
  const server = createAuthServer({
    accessTokenLifetimeMs: LIFETIME_MS,
    delayMs: LATENCY_MS,
    reuseWindowMs: settings.chaos ? REUSE_WINDOW_MS : 0,
    keepRequests,
  });
  const listening = await server.listen();
  const meter = createMeter();
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: listening.tokenUrl, clientId: 'demonstration' }),
    // access tokens of four seconds want a quick next try
    timeoutMs: 2_000,
    retry: { attempts: 3, minDelayMs: 100, maxDelayMs: 1_000 },
    platform,
  });
  const api = createFetch(watchTokens(tokens, meter), {
    origins: [listening.origin],
    fetch: timeNetwork((input, init) => fetch(input, init), meter),
  });
  const log = keepLog(tokens, server, listener);
  await tokens.startSession(server.signIn());
  const faults = settings.chaos ? injectFaults(server, listener.fault) : undefined;
  const callers = startCallers(settings.callers, api, listening.apiUrl, meter);

  return {
    origin: listening.origin,
    server,
    tokens,
    meter,
    log,
    faults,
    callers,
    end: async () => {
      faults?.stop();
      await callers.stop();
      // each access token is used, that of a refresh which began meanwhile as well
      for (let asked = -1; asked !== server.tokenRequests.length; ) {
        await recovered(tokens);
        asked = server.tokenRequests.length;
        const last = await fetch(listening.apiUrl, {
          headers: { Authorization: `Bearer ${await tokens.getAccessToken().catch(() => '')}` },
        });
        await last.body?.cancel();
      }
      tokens.dispose();
      await listening.close();
    },
  };
}

/** Waits until no refresh is under way, and none is due after a fault; the last faults may have come just before the end. */
async function recovered(tokens: TokenManager): Promise<void> {
  for (let waitedMs = 0; waitedMs < RECOVERY_MS; waitedMs += 20) {
    const { refreshing, retryAt } = tokens.getSnapshot();
    if (!refreshing && retryAt === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function keepLog(tokens: TokenManager, server: AuthServer, listener: Listener): Log {
  const log: Log = {
    startedAt: Date.now(),
    refreshes: [],
    failedAttempts: new Map(),
    signOuts: [],
    accessTokens: new Set(),
  };
  let startedAt = 0;
  let expiresAt = 0;
  tokens.on('refreshStarted', ({ at, attempt }) => {
    if (attempt === 1) startedAt = at;
    ({ expiresAt = 0 } = tokens.getSnapshot());
  });
  tokens.on('refreshed', ({ at }) => {
    const refresh = { startedAt, endedAt: at, expiresAt };
    log.refreshes.push(refresh);
    listener.refreshed(refresh);
  });
  tokens.on('refreshFailed', ({ error }) => {
    log.failedAttempts.set(error.code, (log.failedAttempts.get(error.code) ?? 0) + 1);
  });
  tokens.on('sessionEnded', ({ reason }) => log.signOuts.push(reason));
  server.always(
    ({ accessToken }) => {
      if (accessToken !== undefined) log.accessTokens.add(accessToken);
      return undefined;
    },
    { endpoint: 'api' },
  );
  return log;
}
