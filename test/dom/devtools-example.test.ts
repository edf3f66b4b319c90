import { expect, test, vi } from 'vitest';
import { createTokens } from '../../examples/devtools.js';

test('in development the example shows a panel that can break the manager, in production a bare manager', async () => {
  const tokens = await createTokens({ refresh: async () => ({ access_token: 'a' }) });
  const element = document.querySelector('evertoken-devtools');
  element?.setAttribute('open', '');
  expect(element?.shadowRoot?.textContent).toContain('Break things, for real');
  tokens.dispose();
  element?.remove();
  vi.stubEnv('NODE_ENV', 'production');
  (await createTokens({ refresh: async () => ({ access_token: 'a' }) })).dispose();
  expect(document.querySelector('evertoken-devtools')).toBeNull();
  vi.unstubAllEnvs();
});
