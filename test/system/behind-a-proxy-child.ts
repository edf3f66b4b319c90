// Run as a process of its own: node behind-a-proxy-child.mjs <origin of the server> <token response>
import { createClient } from '../../examples/proxy.js';
import { inProcess } from '../../src/index.js';

const [origin = '', response = ''] = process.argv.slice(2);

// the example speaks of hosts that there are not; what it is handed sends to the one behind the proxy
const send: typeof fetch = (input, init) => {
  const { pathname } = new URL(String(input));
  return fetch(origin + pathname, init);
};
const { tokens, api } = createClient(send, { ...inProcess(), proactive: false });
tokens.on('refreshFailed', ({ error }) => process.stdout.write(`failed ${error.code}\n`));
await tokens.startSession(JSON.parse(response));
const refreshed = await tokens.refresh().then(
  () => 'refreshed',
  ({ code }) => code,
);
const status = await api('https://api.example/api/me').then(
  (answer) => answer.status,
  () => 'no answer',
);
process.stdout.write(`said ${refreshed} ${status} ${tokens.getSnapshot().status}\n`);
await tokens.endSession();
await tokens.settled();
