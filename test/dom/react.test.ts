import { act, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import { App, SignOut } from '../../examples/react.js';
import { SessionProvider } from '../../src/integrations/react.js';
import { createWorld } from '../support/world.js';

vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);

test('a component shows the session, what is wrong with it, and why it ended', async () => {
  const { manager, server, clock, run } = createWorld();
  const { tokens } = manager({ retry: { attempts: 1, minDelayMs: 12_000, maxDelayMs: 12_000 } });
  const element = createElement(App, { tokens, now: clock.now });
  expect(renderToString(element)).toBe('<p>...</p>');

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

test('a button signs out', async () => {
  const { manager, server, run } = createWorld();
  const { tokens } = manager();
  await run(tokens.startSession(server.signIn()));
  const page = document.body.appendChild(document.createElement('main'));
  const root = createRoot(page);
  await act(async () => root.render(createElement(SessionProvider, { tokens }, createElement(SignOut))));
  page.querySelector('button')?.click();
  await act(() => vi.waitFor(() => expect(tokens.getSnapshot().status).toBe('none'), { timeout: 15_000 }));
  act(() => root.unmount());
  page.remove();
});
