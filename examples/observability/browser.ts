import { context, logs, trace } from '@opentelemetry/api';
import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';
import { openTelemetry } from 'evertoken/otel';

// No `metrics`: a page is a process, and its counters would be series of their own for ever. Let the collector count
// the log records instead.
const create = openTelemetry({ trace, context, logs })(createTokenManager);

export const tokens: TokenManager = create({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
  platform: browser(),
});
