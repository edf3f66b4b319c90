// What only a page has, as TypeScript sees it there.
import { createTokenManager, type TokenManager } from 'evertoken';
import { type DevtoolsElement, defineDevtools, showDevtools, withDevtools } from 'evertoken/devtools';

export const tokens: TokenManager = withDevtools(createTokenManager)({ refresh: fetch as never });
export const remove: () => void = showDevtools(tokens, { title: 'Session', target: document.body, open: true });
defineDevtools();
export const element: DevtoolsElement = Object.assign(document.createElement('evertoken-devtools'), {
  tokens,
  open: true,
  heading: 'Session',
}) as DevtoolsElement;
