import type { RefreshRequest } from '../../src/index.js';

export type Refresh = (request: RefreshRequest, after: (ms: number) => Promise<void>) => unknown;

export const headers = (fields: Record<string, string>) => fields;

export const streamed = (chunks: string[], end: 'error' | 'hang' | 'close', type = 'application/json') => {
  let index = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (index < chunks.length) controller.enqueue(new TextEncoder().encode(chunks[index++]));
        else if (end === 'error') controller.error(new Error('reset'));
        else if (end === 'close') controller.close();
        else return new Promise(() => undefined);
        return undefined;
      },
    }),
    { status: 200, headers: { 'Content-Type': type } },
  );
};

export const read = async (response: Response) => {
  await response.text();
  return response;
};

export const thrown = (fields: object) => Object.assign(new Error('Request failed'), fields);

export const foreign = (status: number, body: unknown, fields: Record<string, string> = {}) => ({
  ok: status < 300,
  status,
  headers: { get: (name: string) => fields[name.toLowerCase()] ?? null },
  bodyUsed: false,
  body: null,
  text: async () => JSON.stringify(body),
  json: async () => body,
});
