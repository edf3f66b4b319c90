import type { Challenge } from '../../core/challenge.js';
import { addSignIn, type PendingSignIn } from '../../core/pending-sign-ins.js';
import { sessionKeys } from '../dpop/session-keys.js';
import { checkNames, refuse } from '../origins.js';
import { BEGIN_NAMES } from './begin-names.js';
import { challengeParameters, challengeScopes } from './challenge.js';
import { checkAddress, checkParameters, checkScopes, internalsOf, type OAuthClient } from './client.js';
import { defined, serverToKeep } from './kept-server.js';
import { endpointOf, requireEndpoint, type ServerMetadata } from './metadata.js';
import type { Answered } from './request.js';
import { readReturnTo } from './return-to.js';
import { type Form, sendForm } from './send-form.js';
import type { SignInContext } from './sign-in-context.js';
import { adviceOn, readErrorCode, SignInError } from './sign-in-error.js';

/** What to ask of the user, and where to go afterwards. */
export interface BeginOptions {
  /** Where the user was: a path, or an address of the same origin; anything else is dropped. `finish` gives it back. */
  returnTo?: string | undefined;
  /** Instead of the client's. */
  redirectUri?: string | undefined;
  /** Instead of the client's. */
  scopes?: readonly string[] | undefined;
  /** Who is expected, such as an e-mail address. */
  loginHint?: string | undefined;
  /** Whether the server may, or must, show pages. */
  prompt?: 'none' | 'login' | 'consent' | 'select_account' | 'create' | undefined;
  /** Ways of proving who one is, the best first (`acr_values`). */
  acrValues?: readonly string[] | undefined;
  /** How long ago the user may have proved that, in milliseconds; rounded down to seconds. */
  maxAgeMs?: number | undefined;
  /** What an API asked for: its ways, age, scopes and claims are asked for beside those there are. */
  challenge?: Challenge | undefined;
  /** More parameters of the authorization request; those of the protocol win. */
  parameters?: Readonly<Record<string, string>> | undefined;
}

/** The URL to send the user to. Metadata, key, pushed request, then one write: a failure leaves nothing behind. */
export async function begin(context: SignInContext, options: BeginOptions): Promise<string> {
  checkNames(options, BEGIN_NAMES);
  const asked = readAsked(context, options);
  const server = await internalsOf(context.client).metadata();
  const keys = internalsOf(context.client).options.dpop?.[sessionKeys];
  const binding = await keys?.begin(context);
  try {
    return await ask(context, options, { asked, server, binding });
  } catch (error) {
    await keys?.prune(context, [binding]);
    throw error;
  }
}

async function ask(
  context: SignInContext,
  options: BeginOptions,
  { asked, server, binding }: { asked: Asked; server: ServerMetadata; binding: string | undefined },
): Promise<string> {
  const { client, platform, secrets, store } = context;
  const authorizeUrl = requireEndpoint(server, 'authorization_endpoint');
  const kept = serverToKeep(server);
  const [state, verifier] = [secrets.random(), secrets.random()];
  const nonce = asked.scopes.includes('openid') ? secrets.random() : undefined;
  const { resources, options: given } = internalsOf(client);
  const form: Form = {
    ...given.parameters,
    ...options.parameters,
    ...defined(asked.form),
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: asked.redirectUri,
    scope: asked.scopes.join(' ') || undefined,
    state,
    nonce,
    code_challenge: await secrets.hash(verifier),
    code_challenge_method: 'S256',
    resource: resources,
    dpop_jkt: binding,
  };
  const url = withQuery(authorizeUrl, await pushed(client, server, form, binding));
  const entry: PendingSignIn = {
    at: platform.clock.now(),
    verifier,
    clientId: client.clientId,
    redirectUri: asked.redirectUri,
    scopes: asked.scopes,
    server: kept,
    ...defined({
      nonce,
      binding,
      returnTo: readReturnTo(options.returnTo),
      resource: resources[0],
      maxAge: asked.maxAge,
    }),
    ...(options.challenge && { continues: true }),
  };
  await store.change((signIns, write) => write(addSignIn(signIns, state, entry)));
  return url;
}

/** An address with more in its query; a list is a parameter that comes several times. */
export function withQuery(address: string, form: Form): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const one of value === undefined ? [] : [value].flat()) query.append(name, one);
  }
  return `${address}${address.includes('?') ? '&' : '?'}${query}`;
}

interface Asked {
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly maxAge: number | undefined;
  readonly form: Form;
}

function readAsked({ client, snapshot }: SignInContext, options: BeginOptions): Asked {
  const { options: given } = internalsOf(client);
  const { challenge, acrValues, maxAgeMs, loginHint, prompt } = options;
  const redirectUri = options.redirectUri ?? given.redirectUri;
  if (redirectUri === undefined) refuse('redirectUri', 'the address that users come back to', redirectUri);
  checkAddress('redirectUri', redirectUri);
  checkParameters(options.parameters ?? {});
  const own = options.scopes ?? given.scopes ?? [];
  checkScopes(own);
  if (maxAgeMs !== undefined && !(maxAgeMs >= 0 && maxAgeMs <= Number.MAX_SAFE_INTEGER)) {
    refuse('maxAgeMs', 'milliseconds', maxAgeMs);
  }
  if (challenge && typeof challenge.parameters !== 'object') refuse('challenge', 'one of an API', challenge);
  if (acrValues !== undefined && !Array.isArray(acrValues)) refuse('acrValues', 'a list', acrValues);
  // Scopes granted before are requested again, so that asking for more does not lose them.
  const granted = challenge ? snapshot().scopes : [];
  const wanted = challengeParameters(challenge);
  const maxAge = wanted.max_age ?? (maxAgeMs === undefined ? undefined : String(Math.floor(maxAgeMs / 1_000)));
  const seconds = Number(maxAge);
  return {
    redirectUri,
    scopes: [...new Set([...granted, ...own, ...challengeScopes(challenge)])],
    maxAge: maxAge !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined,
    form: {
      acr_values: wanted.acr_values ?? acrValues?.join(' '),
      max_age: maxAge,
      claims: wanted.claims,
      login_hint: loginHint,
      prompt,
    },
  };
}

/** The parameters of the request, or the reference to a pushed request (RFC 9126). */
async function pushed(
  client: OAuthClient,
  server: ServerMetadata,
  form: Form,
  binding: string | undefined,
): Promise<Form> {
  const url = endpointOf(server, 'pushed_authorization_request_endpoint');
  if (url === undefined) {
    if (!server.require_pushed_authorization_requests) return form;
    throw new SignInError(
      'ERR_SIGN_IN_CONFIG',
      'Expected an endpoint for the pushed requests that the server demands.',
    );
  }
  let answer: Answered;
  try {
    answer = await sendForm(client, server, url, form, { binding });
  } catch {
    const message = 'Expected the server to take the pushed request, but no answer came.';
    throw new SignInError('ERR_SIGN_IN_NETWORK', message, { again: 'begin' });
  }
  const { status, body } = answer;
  const requestUri = body?.request_uri;
  if (status >= 200 && status < 300 && typeof requestUri === 'string' && requestUri) {
    return { client_id: client.clientId, request_uri: requestUri };
  }
  const oauthError = readErrorCode(body?.error, Object.values(form).flat());
  const isBusy = status === 429 || status >= 500;
  throw new SignInError(
    isBusy ? 'ERR_SIGN_IN_NETWORK' : 'ERR_SIGN_IN_CONFIG',
    `Expected the server to take the pushed request, but it answered ${oauthError ?? `status ${status}`}.${adviceOn(oauthError)}`,
    { oauthError, status, again: isBusy ? 'begin' : undefined },
  );
}
