// CommonJS, from every subpath; the classes are the same in all of them.
const { join } = require('node:path');
const root = require('evertoken');
const { fileStorage } = require('evertoken/file');
const { node } = require('evertoken/node');
const { browser } = require('evertoken/browser');
const { indexedDb } = require('evertoken/indexed-db');
const { webStorage } = require('evertoken/web-storage');
const { redisStorage } = require('evertoken/redis');
const { reactNative } = require('evertoken/react-native');
const { tokenAdapter } = require('evertoken/axios');
const { explain } = require('evertoken/debug');
const { SessionProvider, useSession, useTokens, whenReady } = require('evertoken/react');
const { createAuthServer, fakeClock } = require('evertoken/testing');

(async () => {
  const server = createAuthServer({ clock: fakeClock() });
  const tokens = root.createTokenManager({
    refresh: root.tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: node(),
  });
  await tokens.startSession(server.signIn());
  await tokens.refresh();
  const error = await fileStorage(join(__dirname))
    .getItem('key')
    .catch((caught) => caught);
  if (!(error instanceof root.StorageError)) throw new Error(`another class: ${error}`);
  const hooks = [SessionProvider, useSession, useTokens, whenReady];
  for (const make of [browser, indexedDb, webStorage, redisStorage, reactNative, tokenAdapter, explain, ...hooks])
    if (typeof make !== 'function') throw new Error('a name is missing');
  console.log(JSON.stringify({ requests: server.tokenRequests.length }));
})();
