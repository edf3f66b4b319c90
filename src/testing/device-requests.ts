import type { World } from './auth-world.js';
import { isKnownResource } from './authorization-requests.js';
import { authenticate } from './clients.js';
import { type Answer, type Exchange, json, page, readParameters, refusal } from './exchange.js';

/** Gives a device its codes (RFC 8628 section 3.1). */
export function actOnDevice(world: World, exchange: Exchange): Answer {
  if (exchange.method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  const parameters = readParameters(exchange);
  if (!parameters) return refusal(400, 'invalid_request', 'only application/x-www-form-urlencoded');
  const client = authenticate(world.clients, exchange.headers, Object.fromEntries(parameters));
  if ('refusal' in client) return client.refusal;
  const resources = parameters.getAll('resource');
  if (!resources.every((resource) => isKnownResource(world, resource))) {
    return refusal(400, 'invalid_target', 'there is no such resource');
  }
  const { deviceCodeLifetimeMs, deviceIntervalMs } = world.switches;
  const now = world.clock.now();
  const { origin: issuer } = exchange.url;
  const userCode = readable(world.mint.random());
  const deviceCode = world.desk.devices.put({
    clientId: client.clientId,
    scope: parameters.get('scope') ?? '',
    resources,
    issuer,
    userCode,
    expiresAt: now + deviceCodeLifetimeMs,
    intervalMs: deviceIntervalMs,
    nextAt: now + deviceIntervalMs,
  });
  return json(200, {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: `${issuer}/device`,
    verification_uri_complete: `${issuer}/device?user_code=${userCode}`,
    expires_in: deviceCodeLifetimeMs / 1_000,
    interval: deviceIntervalMs / 1_000,
  });
}

/** Where a user confirms the code that a device shows (RFC 8628 section 3.3); coming here is enough. */
export function actOnVerification(world: World, { url }: Exchange): Answer {
  const code = url.searchParams.get('user_code');
  const device = [...world.desk.devices.values()].find(({ userCode }) => userCode === code);
  if (!device) return page('Which device?', '<form><input name="user_code"> <button>Go on</button></form>');
  device.decision = url.searchParams.get('consent') === 'refused' ? 'refused' : 'given';
  return page('Thank you', 'Go back to your device.');
}

/** Eight letters without vowels, in two halves (RFC 8628 section 6.1). */
function readable(secret: string): string {
  const letters = [...secret.slice(0, 8)].map((letter) => 'BCDFGHJKLMNPQRSTVWXZ'[letter.charCodeAt(0) % 20]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}
