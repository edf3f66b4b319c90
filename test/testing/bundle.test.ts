import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const entry = join(import.meta.dirname, '../../src/testing.ts');

test('evertoken/testing bundles for browsers: no module of Node, no msw, no test runner', async () => {
  const bundled = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    write: false,
    metafile: true,
  });
  const files = Object.keys(bundled.metafile.inputs);
  expect(bundled.warnings).toEqual([]);
  expect(files.filter((file) => !/src\/(testing|core|ports|errors)/.test(file))).toEqual([]);
});

test('evertoken/testing loads where there is next to nothing, and does nothing while it loads', async () => {
  const options = { bundle: true, platform: 'browser', format: 'iife', globalName: 'testing', write: false } as const;
  const bundled = await build({ entryPoints: [entry], ...options });
  const seen: string[] = [];
  const bare = new Proxy(
    { TextEncoder, TextDecoder },
    {
      get: (target, name: string) => {
        seen.push(name);
        return Reflect.get(target, name);
      },
    },
  );
  const exports = runInNewContext(`${bundled.outputFiles[0]?.text}; Object.keys(testing)`, {
    globalThis: bare,
    ...bare,
  });
  expect(exports).toContain('createAuthServer');
  expect(seen).not.toContain('fetch');
});
