import { Client, fetchExchange } from '@urql/core';
import { createFetch, type TokenSource } from 'evertoken';

/** Turns an answer of 200 that says UNAUTHENTICATED into the 401 that it means; leaves streams and subscriptions alone. */
export function graphqlAs401(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await send(input, init);
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok || !/^application\/(graphql-response\+)?json/.test(type)) return response;
    const { errors } = await response.clone().json();
    const codes: unknown[] = Array.isArray(errors) ? errors.map((error) => error?.extensions?.code) : [];
    if (!codes.includes('UNAUTHENTICATED')) return response;
    return new Response(response.body, { status: 401, headers: response.headers });
  };
}

/** For urql; Apollo's `HttpLink`, Relay and graphql-request take the same `fetch`. */
export function createClient(tokens: TokenSource, url: string): Client {
  const send = graphqlAs401((input, init) => fetch(input, init));
  const api = createFetch(tokens, { origins: [new URL(url).origin], fetch: send });
  return new Client({ url, exchanges: [fetchExchange], fetch: api, preferGetMethod: false });
}
