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
