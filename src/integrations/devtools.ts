import type { TokenManager } from '../manager/token-manager.js';
import { type DevtoolsElement, defineDevtools } from './devtools/element.js';

export { type DevtoolsElement, defineDevtools } from './devtools/element.js';
export { withDevtools } from './devtools/with-devtools.js';

/** Where and how {@link showDevtools} shows a manager. */
export interface DevtoolsOptions {
  /** What the panel is called; tells several apart. Default `evertoken`. */
  title?: string | undefined;
  /** The element that it becomes a child of. Default `document.body`. */
  target?: Element | undefined;
  /** Whether the panel is open from the start. Default `false`. */
  open?: boolean | undefined;
}

/**
 * Shows a token manager in a corner of the page; returns what removes that.
 *
 * State, life of the access token, events in sentences, other tabs; no token. It loads and asks nothing by itself, so
 * that what it shows is what the application does. Does nothing on a server.
 *
 * @example
 * if (import.meta.env.DEV) void import('evertoken/devtools').then(({ showDevtools }) => showDevtools(tokens));
 */
export function showDevtools(tokens: TokenManager, options: DevtoolsOptions = {}): () => void {
  if (!globalThis.customElements) return () => undefined;
  defineDevtools();
  const { title, target = document.body, open = false } = options;
  const element = document.createElement('evertoken-devtools') as DevtoolsElement;
  element.tokens = tokens;
  if (title !== undefined) element.heading = title;
  element.open = open;
  target.append(element);
  return () => element.remove();
}
