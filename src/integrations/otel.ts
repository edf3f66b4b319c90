import { hooks } from '../core/hooks.js';
import type { TokenManagerOptions } from '../manager/options.js';
import type { TokenManager } from '../manager/token-manager.js';
import { observePlatform, observeRevoke } from './otel/observed-ports.js';
import type { OpenTelemetryLike } from './otel/open-telemetry-like.js';
import { createTelemetry, type TelemetryOptions } from './otel/telemetry.js';
import { WatchedSession } from './otel/watched-session.js';

export type {
  AttributesLike,
  ContextLike,
  InstrumentOptionsLike,
  LoggerLike,
  MeterLike,
  OpenTelemetryLike,
  SpanLike,
  TracerLike,
} from './otel/open-telemetry-like.js';
export type { TelemetryOptions } from './otel/telemetry.js';

/** `createTokenManager`, or what decorates it. */
export type CreateTokenManager = (options: TokenManagerOptions) => TokenManager;

/**
 * Decorates `createTokenManager`: what it makes tells OpenTelemetry what happens.
 *
 * Spans, metrics and log records by the tables of docs/observability.md, whose names are a contract. Adds no header to
 * any request, and nothing to serving a fresh access token. What OpenTelemetry throws changes nothing; nothing is
 * imported. Storage and lock are measured where `platform` is given. No token, claim, URL path or message is told.
 *
 * @param api What there is of `@opentelemetry/api`. Name the parts in the import: a whole one costs a page 2 kB more.
 *
 * @example
 * import { context, logs, metrics, trace } from '@opentelemetry/api';
 * const create = openTelemetry({ trace, context, metrics, logs })(createTokenManager);
 * const tokens = create({ refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' }) });
 */
export function openTelemetry(
  api: OpenTelemetryLike,
  options?: TelemetryOptions,
): (create: CreateTokenManager) => CreateTokenManager {
  const telemetry = createTelemetry(api, options);
  const observed = new WeakMap<object, NonNullable<TokenManagerOptions['platform']>>();
  return (create) => (given) => {
    const { refresh, revoke, platform } = Object(given) as Partial<TokenManagerOptions>;
    if (typeof refresh !== 'function') return create(given); // which says what is wrong
    const clock = platform?.clock ?? Date;
    const session = new WatchedSession(telemetry, clock);
    const replaced: TokenManagerOptions = { ...given, refresh: new Proxy(refresh, session) };
    if (typeof revoke === 'function') replaced.revoke = observeRevoke(revoke, telemetry, clock);
    if (platform?.storage && platform.lock) {
      const known = observed.get(platform) ?? observePlatform(platform, telemetry);
      observed.set(platform, known);
      replaced.platform = known;
    }
    const tokens = create(replaced);
    telemetry.look();
    tokens[hooks]?.watch?.(session);
    return tokens;
  };
}
