import { CANARIES, type Scenario, type World } from './scenario.js';

/** How many users the third of the servers has, counted by their numbers. */
const SERVERS = 3;
/** One in so many requests meets the limit. */
const ONE_IN = 30;
const LOST = 6;

/** The twelve scenarios, each in one place. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'healthy',
    fault: { injected: 'nothing', minutes: 60, begin: () => () => undefined },
    felt: 'Nothing.',
    told: {},
    runbooks: [],
  },
  {
    name: 'outage',
    fault: {
      injected: 'the token endpoint answers every request with 503',
      minutes: 20,
      begin: ({ server }) => {
        server.always({ status: 503, body: CANARIES.message });
        return () => server.always(undefined);
      },
    },
    felt: 'Nobody is signed out. Callers whose access token has expired wait and get an error until it answers again.',
    errors: ['ERR_REFRESH_UNAVAILABLE'],
    told: { 'on-call': ['TokenEndpointDown'] },
    // the ticket is held back while the page is out
    toldAfter: { tickets: ['RefreshBudgetBurnsSlowly'] },
    resolved: { 'on-call': ['TokenEndpointDown'] },
    runbooks: ['endpoint-down', 'refresh-fails'],
  },
  {
    name: 'third-fails',
    fault: {
      injected: 'one of three servers behind the token endpoint answers 503; a third of the users always come to it',
      minutes: 20,
      begin: ({ server }) => {
        server.always(({ refreshToken }) => {
          const { user = '' } = server.inspect(refreshToken ?? '') ?? {};
          return Number(/\d+$/.exec(user)?.[0]) % SERVERS === 0 ? { status: 503, body: CANARIES.message } : undefined;
        });
        return () => server.always(undefined);
      },
    },
    felt: 'Nobody is signed out. A third of the users wait and get errors once their access token has expired.',
    errors: ['ERR_REFRESH_UNAVAILABLE'],
    told: { 'on-call': ['RefreshBudgetBurnsFast'] },
    toldAfter: { tickets: ['RefreshBudgetBurnsSlowly'] },
    runbooks: ['refresh-fails'],
  },
  {
    name: 'rate-limited',
    fault: {
      injected: `the token endpoint answers one request in ${ONE_IN} with 429 and \`Retry-After: 1\``,
      minutes: 25,
      begin: ({ server }) => {
        let count = 0;
        server.always(() =>
          ++count % ONE_IN === 0 ? { status: 429, headers: { 'Retry-After': '1' }, body: CANARIES.message } : undefined,
        );
        return () => server.always(undefined);
      },
    },
    felt: 'Nothing where the server names a moment before the access token expires; `ERR_REFRESH_UNAVAILABLE` from its end to that moment otherwise.',
    errors: ['ERR_REFRESH_UNAVAILABLE'],
    told: { tickets: ['RateLimited'] },
    runbooks: ['rate-limited'],
  },
  {
    name: 'slow',
    fault: {
      injected: 'the token endpoint takes 3 s for each answer',
      minutes: 40,
      begin: ({ server }) => {
        server.set({ delayMs: 3_000 });
        return () => server.set({ delayMs: 0 });
      },
    },
    felt: 'Requests whose access token expires meanwhile take as long as the token endpoint.',
    told: { tickets: ['CallersWait', 'RefreshSlow'] },
    runbooks: ['refresh-slow'],
  },
  {
    name: 'misconfigured',
    fault: {
      injected: 'the token endpoint refuses the client itself: 401 with `invalid_client`',
      minutes: 15,
      begin: ({ server }) => {
        server.always({ status: 401, body: { error: 'invalid_client', error_description: CANARIES.message } });
        return () => server.always(undefined);
      },
    },
    felt: 'Nobody is signed out. Callers get `ERR_REFRESH_CONFIG` once their access token has expired.',
    errors: ['ERR_REFRESH_CONFIG'],
    told: { 'on-call': ['ClientMisconfigured'] },
    toldAfter: { tickets: ['RefreshBudgetBurnsSlowly'] },
    runbooks: ['client-misconfigured', 'refresh-fails'],
  },
  {
    name: 'lost',
    fault: {
      injected: 'six answers of the token endpoint are lost after it has rotated the refresh token',
      minutes: 5,
      begin: ({ server }) => {
        const users = new Set<string | undefined>();
        server.always(({ refreshToken }) => {
          const { user } = server.inspect(refreshToken ?? '') ?? {};
          if (users.size >= LOST || users.has(user)) return undefined;
          users.add(user);
          return { acts: true, drop: true };
        });
        return () => server.always(undefined);
      },
    },
    felt: 'These users have to sign in again: the server takes the second use of a refresh token for a theft.',
    errors: ['ERR_SESSION_LOST'],
    signsOut: 'lost',
    told: { security: ['SessionsLost'] },
    runbooks: ['sessions-lost', 'compromise'],
  },
  {
    name: 'mass-revocation',
    fault: {
      injected: 'the server revokes the grants of everybody',
      minutes: 5,
      begin: ({ server }) => {
        server.revokeFamily();
        return () => undefined;
      },
    },
    felt: 'Everybody has to sign in again, at their next request.',
    errors: ['ERR_SESSION_REJECTED'],
    signsOut: 'rejected',
    told: { security: ['SessionsRejected'] },
    runbooks: ['sessions-rejected', 'compromise'],
  },
  {
    name: 'stale-keys',
    fault: {
      injected: "the API still has yesterday's keys, and refuses every access token with 401 and `invalid_token`",
      minutes: 35,
      begin: ({ server }) => {
        const challenge = `Bearer error="invalid_token", error_description="${CANARIES.message}"`;
        const headers = { 'WWW-Authenticate': challenge };
        server.always({ status: 401, headers, body: CANARIES.message }, { endpoint: 'api' });
        return () => server.always(undefined, { endpoint: 'api' });
      },
    },
    felt: 'Every request to that API is answered 401, also after a refresh. Nobody is signed out.',
    told: { 'on-call': ['NewTokensRefused'], 'security-tickets': ['RefreshVelocity'] },
    runbooks: ['new-tokens-refused', 'refresh-velocity'],
  },
  {
    name: 'storage-fails',
    fault: {
      injected: 'the store of sessions refuses every write',
      minutes: 15,
      begin: ({ peer }) => {
        peer.storageFault = (operation) =>
          operation === 'getItem' ? undefined : { error: new Error(CANARIES.message) };
        return () => {
          peer.storageFault = undefined;
        };
      },
    },
    felt: 'Whoever signs in or out is told that it failed. All others notice nothing until the process restarts.',
    errors: ['ERR_STORAGE_WRITE'],
    told: { tickets: ['StorageFails'] },
    runbooks: ['storage-fails'],
  },
  {
    name: 'revocation-fails',
    fault: {
      injected: 'the revocation endpoint answers every request with 503',
      minutes: 25,
      begin: ({ server }) => {
        server.always({ status: 503, body: CANARIES.message }, { endpoint: 'revoke' });
        return () => server.always(undefined, { endpoint: 'revoke' });
      },
    },
    felt: 'Nothing: whoever signs out is signed out here, while the grant stays good at the server.',
    told: { 'security-tickets': ['RevocationFails'] },
    runbooks: ['revocation'],
  },
  {
    name: 'silence',
    fault: {
      injected: 'Prometheus does not reach the application any more',
      minutes: 45,
      begin: (world: World) => {
        world.isScraped = false;
        return () => {
          world.isScraped = true;
        };
      },
    },
    felt: 'Unknown: nobody is looking.',
    told: { tickets: ['Silent'] },
    runbooks: ['silent'],
  },
];

/** The scenario of this name; throws an `Error` that names them all. */
export function findScenario(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found) return found;
  throw new Error(`Expected a scenario (${scenarios.map((scenario) => scenario.name).join(', ')}), got ${name}.`);
}
