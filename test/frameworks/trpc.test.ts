import { TRPCClientError } from '@trpc/client';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createApi } from '../../examples/frameworks/trpc.js';
import { appRouter } from '../../examples/frameworks/trpc-router.js';
import { isTokenError } from '../../src/index.js';
import { signedIn } from '../support/signed-in.js';

test('S5: a procedure of tRPC that is refused costs one refresh and one replay, and without a session the cause tells', async () => {
  const { tokens, server, run } = await signedIn();
  const statuses: number[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const req = new Request(input, init);
    const token = req.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    const facts = server.inspect(token);
    const createContext = () => ({ user: facts?.active ? facts.user : undefined });
    const response = await fetchRequestHandler({ endpoint: '/trpc', req, router: appRouter, createContext });
    statuses.push(response.status);
    return response;
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const api = createApi(tokens, 'https://api.example/trpc');
  server.revokeAccessTokens();
  expect(await Promise.all([api.whoAmI.query(), api.greet.mutate()])).toEqual(['ada', 'hello ada']);
  expect(statuses.sort()).toEqual([200, 200, 401, 401]);
  expect(server.tokenRequests).toHaveLength(1);

  await run(tokens.endSession());
  const error = await api.health.query().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TRPCClientError);
  expect(isTokenError((error as Error).cause)).toBe(true);
});
