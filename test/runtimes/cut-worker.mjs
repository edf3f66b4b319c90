// workerd runs this, bundled: it cancels what goes on after a response, timers and requests alike.
import { createTokenManager, inProcess, tokenEndpoint } from 'evertoken';

/** Clocks run so many times as fast as the one on the wall: what is dead by the clock is so within seconds. */
const SPEED = 20;
const { now } = Date;
const { setTimeout: start } = globalThis;
Date.now = () => now() * SPEED;
globalThis.setTimeout = (task, delayMs, ...args) => start(task, delayMs / SPEED, ...args);

/** They outlive the requests, as a manager of a module does. */
const managers = new Map();

function managerOf(name, url) {
  const platform = { ...inProcess(), proactive: false, ...(name === 'before' && { background: false }) };
  const made =
    managers.get(name) ??
    createTokenManager({
      refresh: tokenEndpoint({ url, clientId: 'app' }),
      platform,
      timeoutMs: 10_000,
      leewayMs: 40_000,
    });
  managers.set(name, made);
  return made;
}

const actions = {
  start: async (tokens, request) => tokens.startSession(await request.json()),
  ask: (tokens) => tokens.getAccessToken(),
  'ask, and wait behind': (tokens, _, ctx) => {
    const token = tokens.getAccessToken();
    ctx.waitUntil(token.then(() => tokens.settled()));
    return token;
  },
  look: async (tokens) => String(tokens.getSnapshot().refreshing),
};

export default {
  async fetch(request, _, ctx) {
    const { searchParams } = new URL(request.url);
    const tokens = managerOf(searchParams.get('name'), searchParams.get('url'));
    const said = await actions[searchParams.get('action')](tokens, request, ctx).catch(
      (error) => `${error.code}, ${error.message}`,
    );
    return new Response(said);
  },
};
