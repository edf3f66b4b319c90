// Rendering React on a server: no side effect, no request, and the same text in the browser's first render.
import { createTokenManager, inProcess } from 'evertoken';
import { SessionProvider, useSession } from 'evertoken/react';
import { createElement, useSyncExternalStore } from 'react';
import { renderToString } from 'react-dom/server';

let requests = 0;
const tokens = createTokenManager({
  refresh: async () => {
    requests++;
    return { access_token: 'a' };
  },
  platform: inProcess(),
});
function Session() {
  const { status } = useSyncExternalStore(tokens.subscribe, tokens.getSnapshot, tokens.getSnapshot);
  return createElement('p', null, status);
}
const html = renderToString(createElement(Session));
if (html !== '<p>loading</p>') throw new Error(html);
const Hooked = () =>
  createElement(
    'p',
    null,
    useSession(({ status }) => status),
  );
const hooked = renderToString(createElement(SessionProvider, { tokens }, createElement(Hooked)));
if (hooked !== html) throw new Error(hooked);
if (process.getActiveResourcesInfo().includes('Timeout') || requests > 0) throw new Error('rendering did something');
console.log(JSON.stringify({ html }));
