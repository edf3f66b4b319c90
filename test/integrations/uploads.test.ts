import { expect, test, vi } from 'vitest';
import { createFetch, SessionError, type TokenSource } from '../../src/index.js';

const URL_ = 'https://api.test/things';

function api(send: typeof fetch, tokens: Partial<TokenSource> = {}): typeof fetch {
  const source: TokenSource = {
    getAccessToken: async () => 'access-1',
    replaceAccessToken: async () => 'access-2',
    ...tokens,
  };
  return createFetch(source, { origins: ['https://api.test'], fetch: send, withoutSession: 'send' });
}

/** A request whose body goes on for ever, and which hears when nobody wants it any more. */
function endless(signal?: AbortSignal) {
  const cancel = vi.fn();
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10)), cancel });
  const init = { method: 'POST', body, duplex: 'half', ...(signal && { signal }) };
  return { request: new Request(URL_, init as RequestInit), cancel };
}

const letGoOf = async (input: unknown): Promise<void> => {
  void (input as Request).body?.cancel();
};

test('F8: a form is sent as it was at the moment of the call also where it goes without a session', async () => {
  let body = '';
  const send: typeof fetch = async (input, init) => {
    body = await new Request(input, init).text();
    return new Response('ok');
  };
  const getAccessToken = async () => {
    throw new SessionError('ERR_NO_SESSION', 'Nobody is signed in.');
  };
  const form = new FormData();
  form.set('name', 'before');
  const sent = api(send, { getAccessToken })(URL_, { method: 'POST', body: form });
  form.set('name', 'after');
  await sent;
  expect(body).toContain('before');
  expect(body).not.toContain('after');
});

test('F8: what was kept of an upload for a replay is let go of when the answer has come', async () => {
  const { request, cancel } = endless();
  const send: typeof fetch = async (input) => {
    await letGoOf(input);
    return new Response('ok');
  };
  await api(send)(request);
  await expect.poll(() => cancel).toHaveBeenCalledTimes(1);
});

test('F8: an upload that is aborted is told so', async () => {
  const abort = new AbortController();
  const { request, cancel } = endless(abort.signal);
  const send: typeof fetch = async (input) => {
    abort.abort(new Error('changed my mind'));
    await letGoOf(input);
    throw abort.signal.reason;
  };
  await expect(api(send)(request)).rejects.toThrow('changed my mind');
  await expect.poll(() => cancel).toHaveBeenCalledTimes(1);
});

test('F8: what is sent as a replay is left to whoever sends it', async () => {
  const inputs: Request[] = [];
  const send: typeof fetch = async (input) => {
    inputs.push(input as Request);
    return new Response(null, { status: inputs.length === 1 ? 401 : 200 });
  };
  await api(send)(new Request(URL_, { method: 'POST', body: 'all of it' }));
  expect(await inputs[1]?.text()).toBe('all of it');
});
