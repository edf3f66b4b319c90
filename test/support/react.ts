import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import * as react from 'react';
import * as dom from 'react-dom';
import * as client from 'react-dom/client';
import * as server from 'react-dom/server';
import * as hooks from '../../src/integrations/react.js';

/** A major of React, and our hooks on top of it. */
export interface ReactMajor {
  readonly react: typeof react;
  readonly dom: typeof dom;
  readonly client: typeof client;
  readonly server: typeof server;
  readonly hooks: typeof hooks;
}

export const react19: ReactMajor = { react, dom, client, server, hooks };

const REACT_18: Record<string, string> = { react: 'react-18', 'react-dom': 'react-dom-18' };

/** React 18, which is installed under another name: in one module with our hooks and whatever else imports React. */
export async function loadReact18(): Promise<ReactMajor> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-react-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'react-18.cjs');
  await build({
    stdin: {
      contents: `
        export * as react from 'react';
        export * as dom from 'react-dom';
        export * as client from 'react-dom/client';
        export * as server from 'react-dom/server';
        export * as hooks from './src/integrations/react.js';`,
      resolveDir: join(import.meta.dirname, '../..'),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
    plugins: [
      {
        name: 'react-18',
        setup({ onResolve, resolve }) {
          onResolve({ filter: /^react(-dom)?(\/|$)/ }, ({ path, kind }) => {
            const [name = '', ...rest] = path.split('/');
            const resolveDir = join(import.meta.dirname, '../..');
            return resolve([REACT_18[name] ?? name, ...rest].join('/'), { kind, resolveDir });
          });
        },
      },
    ],
  });
  return createRequire(import.meta.filename)(outfile);
}
