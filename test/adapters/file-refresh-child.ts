// Run as a process of its own: node file-refresh-child.mjs <what> <path>
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { fileStorage } from '../../src/adapters/file.js';
import { createTokenManager } from '../../src/index.js';
import { node } from '../../src/presets/node.js';

const [what, path = ''] = process.argv.slice(2);

if (what === 'write') {
  const { rename } = fs;
  const until = performance.now() + 1_500;
  fs.rename = async (from, to) => {
    if (to !== path || performance.now() > until) return rename(from, to);
    throw Object.assign(new Error('EPERM: operation not permitted, rename'), { code: 'EPERM' });
  };
  syncBuiltinESMExports();
  void fileStorage(path).setItem('key', 'rotated'); // nobody waits for it
} else {
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'second', expires_in: 3600, refresh_token: 'two' }),
    platform: node({ file: path, mode: 'mount' }),
  });
  tokens.on('storageFailed', ({ error }) => process.stdout.write(`fault ${error.code} ${error.message}\n`));
  await tokens.refresh();
  process.stdout.write(`token ${await tokens.getAccessToken()}\n`);
  tokens.dispose();
}
