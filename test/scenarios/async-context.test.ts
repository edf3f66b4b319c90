import { expect, test } from 'vitest';
import { runChild } from '../support/run-child.js';

const CHILD = new URL('async-context-child.ts', import.meta.url).pathname;
const SERVICES = new URL('async-context-services-child.ts', import.meta.url).pathname;

test.each(['inProcess', 'node'])(
  'no timer runs in the async context of a request, nor keeps it alive: %s()',
  async (preset) => {
    expect(await runChild(CHILD, [preset])).toEqual(['refreshed outside', 'collected']);
  },
);

test.each(['fleet', 'limits'])(
  'no timer is set in the async context of a request that uses it, nor keeps the request alive: %s',
  async (service) => {
    expect(await runChild(SERVICES, [service])).toEqual(['timers of no request', 'collected']);
  },
);
