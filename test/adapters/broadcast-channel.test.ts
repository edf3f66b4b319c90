import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('a channel that somebody listens to does not keep Node running', async () => {
  const entry = join(import.meta.dirname, '../../src/adapters/broadcast-channel.ts');
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  const script = `${outputFiles[0]?.text}
    const channel = broadcastChannel();
    channel.subscribe('evertoken:session', () => console.log('heard'));
    channel.announce('evertoken:session');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 });
  await expect(run).resolves.toMatchObject({ stderr: '' });
});
