import { EventSource } from 'eventsource';
import { createFetch, type TokenSource } from 'evertoken';

/** Events from the API; each reconnection has a fresh access token. The browser's own EventSource can send no headers. */
export function openEvents(tokens: TokenSource, url: string): EventSource {
  return new EventSource(url, { fetch: createFetch(tokens, { origins: [new URL(url).origin] }) });
}
