import { type ClientInternals, internalsOf, type OAuthClient } from './client.js';
import type { ServerMetadata } from './metadata.js';
import { type Answered, request } from './request.js';

/** A form for an endpoint; a list is a parameter that is sent several times. */
export type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One request of a client to its server takes at most this long. */
const LIMIT_MS = 10_000;

/** Everything that is sent to an endpoint: address, headers, body. */
export interface FormRequest {
  readonly method: 'POST';
  readonly headers: Headers;
  readonly body: string;
}

/** Makes the request of a client that proves itself, for any endpoint of its server. */
export async function formRequest(
  { authenticate }: ClientInternals,
  clientId: string,
  server: ServerMetadata,
  form: Form,
): Promise<FormRequest> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const one of value === undefined ? [] : [value].flat()) body.append(name, one);
  }
  const headers = new Headers({ accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' });
  await authenticate(server, { client_id: clientId }, body, headers);
  return { method: 'POST', headers, body: body.toString() };
}

/** Sends a form to an endpoint, as the client, and reads the answer. Rejects where none came. */
export async function sendForm(
  client: OAuthClient,
  server: ServerMetadata,
  url: string,
  form: Form,
  options: { signal?: AbortSignal | undefined; limitMs?: number; binding?: string | undefined } = {},
): Promise<Answered> {
  const internal = internalsOf(client);
  const made = await formRequest(internal, client.clientId, server, form);
  const { signal, limitMs = LIMIT_MS, binding } = options;
  return request(url, { ...made, limitMs, signal, fetch: internal.sender(binding) });
}
