import { api, tokens } from './session.js';

// A dedicated worker is a peer like any tab: the same session, and no refresh of its own while another is under way.

addEventListener('message', async ({ data, ports: [reply] }: MessageEvent<'call' | 'token' | 'end'>) => {
  if (data === 'end') {
    tokens.dispose();
    close();
    return;
  }
  const answer = data === 'token' ? tokens.getAccessToken() : api('/api/worker').then(({ status }) => status);
  reply?.postMessage(await answer.catch(({ code }: { code: string }) => code));
});
