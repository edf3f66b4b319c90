// What it costs to be observed: nothing where a fresh token is served, and few bytes for a session that is idle.
import { context, logs, trace } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { createTokenManager, inProcess } from 'evertoken';
import { openTelemetry } from 'evertoken/otel';
import { compare, median } from './measure.mjs';

const SESSIONS = 2_000;

class SilentReader extends MetricReader {
  onShutdown = async () => undefined;
  onForceFlush = async () => undefined;
}
const meters = new MeterProvider({ readers: [new SilentReader()] });
const create = openTelemetry({ trace, context, logs, metrics: { getMeter: (name) => meters.getMeter(name) } })(
  createTokenManager,
);

const pair = (index) => ({ access_token: `at-${index}`, refresh_token: `rt-${index}`, expires_in: 3_600 });
const refresh = async () => pair(0);

/** `getAccessToken()` of an observed manager beside a bare one, in one process. */
export async function measureObserved() {
  const managers = [create, createTokenManager].map((make) =>
    make({ refresh, proactive: false, platform: inProcess() }),
  );
  for (const tokens of managers) await tokens.startSession(pair(0));
  const [ours, theirs] = managers.map((tokens) => async () => {
    if ((await tokens.getAccessToken()) === '') throw new Error('no token');
  });
  const result = await compare({ ours, theirs, times: 20_000, rounds: 81 });
  for (const tokens of managers) tokens.dispose();
  return result;
}

/** Bytes that an idle session takes more when it is observed: the median of rounds that make both. */
export async function measureObservedBytes() {
  const bytesOf = async (make) => {
    const before = await heap();
    const platform = inProcess();
    const managers = [];
    for (let index = 0; index < SESSIONS; index++) {
      const tokens = make({ refresh, platform, proactive: false, key: `user-${index}` });
      await tokens.startSession(pair(index));
      await tokens.getAccessToken();
      managers.push(tokens);
    }
    const bytes = ((await heap()) - before) / managers.length;
    for (const tokens of managers) tokens.dispose();
    return bytes;
  };
  const rounds = [];
  for (let round = -1; round < 5; round++) {
    const [theirs, ours] = [await bytesOf(createTokenManager), await bytesOf(create)];
    if (round >= 0) rounds.push(ours - theirs);
  }
  return median(rounds);
}

async function heap() {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return process.memoryUsage().heapUsed;
}
