import { gql } from '@apollo/client';
import { expect, test, vi } from 'vitest';
import { createClient as createApollo } from '../../examples/frameworks/apollo.js';
import { graphqlAs401 } from '../../examples/frameworks/graphql-as-401.js';
import { createClient as createUrql } from '../../examples/frameworks/urql.js';
import { type AuthServer, createAuthServer } from '../../src/testing.js';
import { signedIn } from '../support/signed-in.js';

const URL_ = 'https://api.example/graphql';

/** A GraphQL server that says by 200 and a code that it does not take the access token. */
function graphqlServer(server: AuthServer) {
  const bodies: string[] = [];
  const answer = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    bodies.push(await request.text());
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    if (server.inspect(token)?.active) return Response.json({ data: { me: server.inspect(token)?.user } });
    return Response.json({ data: null, errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] });
  };
  return { bodies, answer };
}

test('S5: with urql a query that is refused inside a 200 costs one refresh and one replay', async () => {
  const { tokens, server, run } = await signedIn();
  const { answer, bodies } = graphqlServer(server);
  vi.stubGlobal('fetch', answer);
  const client = createUrql(tokens, URL_);
  server.revokeAccessTokens();
  const { data, error } = await run(client.query('{ me }', {}).toPromise());
  vi.unstubAllGlobals();
  expect([data, error]).toEqual([{ me: 'ada' }, undefined]);
  expect(bodies).toHaveLength(2);
  expect(bodies[1]).toBe(bodies[0]);
  expect(server.tokenRequests).toHaveLength(1);
});

test('S5, S6: with Apollo one refresh and one replay too, and nothing of one user is there for the next', async () => {
  const { tokens, server, run } = await signedIn();
  const { answer, bodies } = graphqlServer(server);
  vi.stubGlobal('fetch', answer);
  const client = createApollo(tokens, URL_);
  const query = gql`{ me }`;
  server.revokeAccessTokens();
  expect((await run(client.query({ query }))).data).toEqual({ me: 'ada' });
  expect(bodies).toHaveLength(2);
  expect(client.readQuery({ query })).toEqual({ me: 'ada' });
  await run(tokens.refresh());
  expect(client.readQuery({ query })).toEqual({ me: 'ada' });
  const seen: unknown[] = [];
  tokens.subscribe(() => {
    if (tokens.getSnapshot().status === 'none') seen.push(client.readQuery({ query }));
  });
  await run(tokens.endSession());
  expect(seen).toEqual([null]);
  await run(tokens.startSession(server.signIn({ user: 'grace' })));
  expect((await run(client.query({ query }))).data).toEqual({ me: 'grace' });
  vi.unstubAllGlobals();
});

test.each([
  ['other errors', Response.json({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })],
  ['an answer', Response.json({ data: { me: 'ada' } })],
  ['a stream of parts', new Response('--x', { headers: { 'content-type': 'multipart/mixed; boundary=x' } })],
  ['events', new Response('data: UNAUTHENTICATED', { headers: { 'content-type': 'text/event-stream' } })],
  ['a failure', Response.json({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }, { status: 500 })],
])('%s is passed on as it is, unread', async (_, response) => {
  const given = await graphqlAs401(async () => response)(URL_);
  expect(given).toBe(response);
  expect(given.bodyUsed).toBe(false);
});

test('a refusal becomes a 401 whose body can still be read', async () => {
  const { answer } = graphqlServer(createAuthServer());
  const response = await graphqlAs401(answer)(URL_);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ errors: [{ message: 'no' }] });
});
