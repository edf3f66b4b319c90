import { createFetch, createTokenManager, isTokenError, type TokenEvents, tokenEndpoint } from '../src/index.js';
import { eventSentences } from '../src/integrations/event-sentences.js';
import type { Client, ClientParts } from './client.js';

const WANTED = new Set<TokenEvents['sessionEnded']['reason']>(['ended', 'replaced', 'peer']);

/** evertoken, with nothing but its defaults. */
export function evertokenClient({ platform, fetch, server, observer }: ClientParts): Client {
  const tokens = createTokenManager({
    platform,
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'shop', fetch }),
  });
  const api = createFetch(tokens, { origins: [server.origin], fetch });
  const source: { on(type: string, listener: (event: object) => void): () => void } = tokens;
  for (const [type, sentence] of Object.entries(eventSentences)) {
    source.on(type, (event) => observer.told(type, sentence(event as never)));
  }
  tokens.on('sessionEnded', ({ reason }) => {
    if (!WANTED.has(reason)) observer.signedOut();
  });
  tokens.subscribe(() => undefined);
  return {
    async call() {
      try {
        return (await api(server.apiUrl)).status;
      } catch (error) {
        return isTokenError(error) && error.code === 'ERR_NO_SESSION' ? 'signed out' : 'failed';
      }
    },
    signIn: (response) => tokens.startSession(response),
    signOut: () => tokens.endSession(),
    look: () => {
      const { status, refreshing, issuedAt, expiresAt, error } = tokens.getSnapshot();
      const isSignedIn = status === 'active';
      return {
        isSignedIn,
        isRefreshing: refreshing,
        issuedAt,
        expiresAt,
        trouble: isSignedIn ? error?.code : undefined,
      };
    },
  };
}
