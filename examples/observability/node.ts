import { context, logs, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import { openTelemetry } from 'evertoken/otel';

// Set up first: Prometheus reads http://localhost:9464/metrics.
export const exporter = new PrometheusExporter({ port: Number(process.env.METRICS_PORT ?? 9464) });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));

const create = openTelemetry({ trace, context, metrics, logs }, { attributes: { region: 'eu' } })(createTokenManager);
const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });
const platform = node();

export const tokensOf = (user: string): TokenManager => create({ refresh, platform, key: `user-${user}` });
