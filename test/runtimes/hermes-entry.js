// Runs on Hermes, bundled by Metro, with what React Native adds to it: timers that wait, an AbortController without
// `any`, `timeout`, `reason` and `throwIfAborted` (React Native up to 0.85), the requests and headers of whatwg-fetch,
// and a URL that believes whatever it is given. Everything else is the package's own affair.
import { AbortController } from 'abort-controller/dist/abort-controller.js';
import { createFetch, createTokenManager, isTokenError } from 'evertoken';
import { reactNative } from 'evertoken/react-native';
import { Headers, Request, Response } from 'whatwg-fetch';

addTimers();
globalThis.AbortController ??= AbortController;
Object.assign(globalThis, { Headers, Request, Response });
globalThis.URL ??= class {
  constructor(url) {
    this.href = /^https?:\/\/[^/?#]+$/.test(url) ? `${url}/` : url;
  }
};
globalThis.console ??= { error: print, log: print };

const items = new Map();
const states = new Set();
const appState = {
  currentState: 'active',
  addEventListener(_, listener) {
    states.add(listener);
    return { remove: () => states.delete(listener) };
  },
};
const secureStore = {
  AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 1,
  getItemAsync: (key) => Promise.resolve(items.has(key) ? items.get(key) : null),
  setItemAsync: (key, value) => Promise.resolve(void items.set(key, value)),
  deleteItemAsync: (key) => Promise.resolve(void items.delete(key)),
};

/** A server with one-time refresh tokens; a second use is proof that the grant is dead. */
let current = 'rt-0';
let requests = 0;
const refresh = async ({ refreshToken }) => {
  requests++;
  if (refreshToken !== current) throw Object.assign(new Error('reused'), { status: 400, error: 'invalid_grant' });
  current = `rt-${requests}`;
  return { access_token: `at-${requests}-${'x'.repeat(3_000)}`, refresh_token: current, expires_in: 3_600 };
};

/** The bare VM calls a timer's task at once, whatever the delay; here it waits for its moment. */
function addTimers() {
  const soon = globalThis.setTimeout;
  const waiting = new Map();
  let lastId = 0;
  let isTicking = false;
  function tick() {
    for (const [id, { at, task }] of [...waiting].sort(([, a], [, b]) => a.at - b.at)) {
      if (at <= Date.now() && waiting.delete(id)) task();
    }
    isTicking = waiting.size > 0;
    if (isTicking) soon(tick, 0);
  }
  globalThis.setTimeout = (task, delayMs = 0) => {
    lastId++;
    waiting.set(lastId, { at: Date.now() + delayMs, task });
    if (!isTicking) soon(tick, 0);
    isTicking = true;
    return lastId;
  };
  globalThis.clearTimeout = (id) => void waiting.delete(id);
}

function expect(condition, what) {
  if (!condition) throw new Error(`expected ${what}`);
}

async function main() {
  const create = () => createTokenManager({ refresh, platform: reactNative({ secureStore, appState }) });
  const tokens = create();
  const error = await tokens.getAccessToken().catch((caught) => caught);
  expect(
    isTokenError(error) && error.code === 'ERR_NO_SESSION',
    `nobody to be signed in, got ${error} ${error?.cause}`,
  );
  await tokens.startSession({ access_token: 'at', refresh_token: 'rt-0', expires_in: 0.02 });
  const unsubscribe = tokens.subscribe(() => undefined);
  await tokens.getAccessToken();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const callers = await Promise.all(Array.from({ length: 100 }, () => tokens.getAccessToken()));
  expect(new Set(callers).size === 1, 'one token for all');
  expect(requests === 1, `one request, got ${requests}`);
  expect(items.size > 1, 'a long value to be kept in parts');
  const later = create();
  expect((await later.getAccessToken()) === callers[0], 'the session to outlive the app');
  later.dispose();
  await callApi(tokens);
  expect(requests === 2, `one refresh for one 401, got ${requests - 1}`);
  for (const listener of states) listener('active');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await tokens.endSession();
  expect(items.size === 0, 'nothing to be left after the end');
  unsubscribe();
  tokens.dispose();
  expect(states.size === 0, 'no listener to be left');
  print(JSON.stringify({ callers: callers.length, requests: requests - 1 })); // the other one was for the 401
}

/** The API refuses the first token that it sees, and takes the next one. */
async function callApi(tokens) {
  const seen = [];
  const send = async (input, init) => {
    const request = new Request(input, init);
    seen.push([request.url, request.headers.get('authorization')]);
    const isRefused = seen.length === 1;
    return new Response(isRefused ? 'refused' : 'ok', { status: isRefused ? 401 : 200 });
  };
  const api = createFetch(tokens, { origins: ['https://api.example'], fetch: send });
  const response = await api('https://api.example/items', { method: 'POST', body: 'hello' });
  expect(response.status === 200, `the replay to pass, got ${response.status}`);
  await api('https://api.example.evil.example/items');
  expect(seen[0][1] && seen[1][1] && seen[0][1] !== seen[1][1], 'another token for the replay');
  expect(!seen[2][1], 'no token for another origin');
}

main().catch((error) => print(`FAILED ${error?.stack ?? error}`));
