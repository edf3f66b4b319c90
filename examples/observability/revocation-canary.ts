import type { Clock } from 'evertoken';
import type { MeterLike } from 'evertoken/otel';

const EVERY_MS = 250;
const LONGEST_MS = 60_000;

interface Canary {
  tokenUrl: string;
  revokeUrl: string;
  /** An address that wants an access token, and answers without doing anything. */
  apiUrl: string;
  /** A client of its own, which may get access tokens for that API and nothing else. */
  clientId: string;
  clientSecret: string;
  meter: MeterLike;
  fetch?: typeof fetch;
  clock?: Pick<Clock, 'now' | 'after'>;
}

/** Makes a probe: seconds from a revocation (RFC 7009) to the first refusal of an API, 60 when there is none. */
export function revocationCanary({ fetch: send = fetch, clock = system, ...canary }: Canary): () => Promise<number> {
  const delay = canary.meter.createHistogram('evertoken.probe.revocation.delay', {
    unit: 's',
    description: 'The time from a revocation to the first refusal of the API.',
    advice: { explicitBucketBoundaries: [0.25, 0.5, 1, 2, 3, 5, 10, 15, 30] },
  });
  const address = { 'server.address': new URL(canary.apiUrl).hostname };
  const ask = (token: string) => send(canary.apiUrl, { headers: { Authorization: `Bearer ${token}` } });

  async function post(url: string, parameters: Record<string, string>): Promise<Response> {
    const { clientId, clientSecret } = canary;
    const headers = { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` };
    const answer = await send(url, { method: 'POST', headers, body: new URLSearchParams(parameters) });
    if (!answer.ok) throw new Error(`The canary got ${answer.status} from ${new URL(url).hostname}, expected a 2xx`);
    return answer;
  }

  return async () => {
    const granted = await post(canary.tokenUrl, { grant_type: 'client_credentials' });
    const { access_token: token } = (await granted.json()) as { access_token: string };
    const before = await ask(token);
    if (!before.ok) throw new Error(`The API answered ${before.status} to a new access token, expected a 2xx`);
    await post(canary.revokeUrl, { token, token_type_hint: 'access_token' });
    const revokedAt = clock.now();
    for (;;) {
      const status = await ask(token).then(
        (answer) => answer.status,
        () => undefined, // the network failed: neither refused nor taken
      );
      const seconds = (clock.now() - revokedAt) / 1_000;
      if (status === 401) {
        delay.record(seconds, address);
        return seconds;
      }
      if (seconds * 1_000 >= LONGEST_MS) {
        delay.record(seconds, { ...address, 'error.type': 'timeout' });
        return seconds;
      }
      await new Promise<void>((resolve) => clock.after(EVERY_MS, resolve, { keepAlive: true }));
    }
  };
}

const system: Pick<Clock, 'now' | 'after'> = {
  now: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
