import { act, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import { describe, useSession } from '../../examples/react.js';
import type { TokenManager } from '../../src/index.js';
import { createWorld } from '../support/world.js';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);

function Status({ tokens, now }: { tokens: TokenManager; now: () => number }) {
  const session = useSession(tokens);
  return session.status === 'loading' ? '...' : (describe(session, now()) ?? 'Welcome');
}

test('a component shows the session, what is wrong with it, and why it ended', async () => {
  const { manager, server, clock, run } = createWorld();
  const { tokens } = manager({ retry: { attempts: 1, minDelayMs: 12_000, maxDelayMs: 12_000 } });
  const element = createElement(Status, { tokens, now: clock.now });
  expect(renderToString(element)).toBe('...');

  const page = document.createElement('main');
  const root = createRoot(page);
  await act(async () => {
    root.render(element);
    await clock.settle();
  });
  expect(page.textContent).toBe('Please sign in.');

  await act(() => run(tokens.startSession(server.signIn())));
  expect(page.textContent).toBe('Welcome');

  server.next({ status: 503 });
  await act(() => run(tokens.refresh().catch(() => undefined)));
  expect(page.textContent).toBe('Reconnecting in 12 s.');

  server.revokeFamily();
  await act(() => run(tokens.refresh().catch(() => undefined)));
  expect(page.textContent).toMatch(/^Please sign in again: /);
  act(() => root.unmount());
});
