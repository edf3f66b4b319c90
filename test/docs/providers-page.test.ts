import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { providersPage } from '../../scripts/providers-page.mjs';

test('docs/providers.md is what npm run docs:providers writes', () => {
  expect(readFileSync(new URL('../../docs/providers.md', import.meta.url), 'utf8')).toBe(providersPage());
});
