// One of several processes on one credentials file: <runtime> process.mjs <what> <file> <token endpoint>
import process from 'node:process';
import { createInterface } from 'node:readline';
import { createTokenManager, tokenEndpoint } from 'evertoken';
import { fileLock } from 'evertoken/file';
import { node } from 'evertoken/node';

const [what, file, url] = process.argv.slice(2);
const never = new AbortController().signal;
const said = createInterface({ input: process.stdin });
/** Says a line, and waits for one. */
const ask = (line) => {
  console.log(line);
  return new Promise((resolve) => said.once('line', resolve));
};

if (what === 'ask') {
  const tokens = createTokenManager({ refresh: tokenEndpoint({ url, clientId: 'app' }), platform: node({ file }) });
  const signIn = await ask('ready');
  if (signIn !== 'wait') await tokens.startSession(JSON.parse(signIn));
  await ask('signed in');
  console.log(await tokens.getAccessToken());
} else if (what === 'hold') {
  await fileLock(file).run('key', never, () => ask('held'));
} else {
  const began = Date.now();
  await fileLock(file).run('key', never, async () => undefined);
  console.log(Date.now() - began);
}
said.close();
process.stdin.destroy?.();
