import '@angular/compiler';
import {
  HttpBackend,
  HttpClient,
  HttpErrorResponse,
  HttpRequest,
  HttpResponse,
  provideHttpClient,
  withInterceptors,
} from '@angular/common/http';
import {
  createEnvironmentInjector,
  type EnvironmentInjector,
  ɵINJECTOR_SCOPE as INJECTOR_SCOPE,
  Injector,
  provideZonelessChangeDetection,
  runInInjectionContext,
} from '@angular/core';
import { EMPTY, firstValueFrom, from, map } from 'rxjs';
import { expect, test, vi } from 'vitest';
import { carryToken, injectSession } from '../../examples/frameworks/angular.js';
import { isTokenError } from '../../src/index.js';
import { countSubscribers } from '../support/count-subscribers.js';
import { signedIn } from '../support/signed-in.js';

/** Angular's client with the interceptor, in front of the server. */
async function prepare() {
  const world = await signedIn({ retry: { attempts: 1 } });
  const { server } = world;
  const handle = ({ url, method, headers, body }: HttpRequest<unknown>) => {
    const sent = Object.fromEntries(headers.keys().map((name) => [name, headers.get(name) ?? '']));
    const init = { method, headers: sent, ...(body !== null && { body: JSON.stringify(body) }) };
    return from(server.fetch(url, init).then(async (response) => ({ response, body: await response.json() }))).pipe(
      map(({ response: { ok, status }, body }) => {
        if (!ok) throw new HttpErrorResponse({ status, url, error: body });
        return new HttpResponse({ status, url, body });
      }),
    );
  };
  const interceptor = carryToken(world.tokens, [server.origin]);
  const injector = createEnvironmentInjector(
    [
      // what starting an application does
      { provide: INJECTOR_SCOPE, useValue: 'root' },
      provideZonelessChangeDetection(),
      provideHttpClient(withInterceptors([interceptor])),
      { provide: HttpBackend, useValue: { handle } },
    ],
    Injector.NULL as EnvironmentInjector,
  );
  const statuses = () => server.apiRequests.map(({ status }) => status);
  return { ...world, injector, http: injector.get(HttpClient), statuses };
}

test('S5: three requests of Angular that are refused at once cost one refresh and a replay each', async () => {
  const { http, server, run, statuses } = await prepare();
  server.revokeAccessTokens();
  const post = (item: number) => firstValueFrom(http.post<{ body: string }>(`${server.apiUrl}/orders`, { item }));
  const answers = await run(Promise.all([1, 2, 3].map(post)));
  expect(answers.map(({ body }) => body)).toEqual(['{"item":1}', '{"item":2}', '{"item":3}']);
  expect(statuses().sort()).toEqual([200, 200, 200, 401, 401, 401]);
  expect(server.tokenRequests).toHaveLength(1);
});

test('S5: with Angular the second 401 is the error, and so is the first where the refresh fails; ours are told as they are', async () => {
  const { http, server, failure, run, tokens, statuses } = await prepare();
  server.always({ status: 401, body: { why: 'not today' } }, { endpoint: 'api' });
  const get = () => firstValueFrom(http.get(`${server.apiUrl}/orders`));
  expect(await failure(get())).toMatchObject({ status: 401, error: { why: 'not today' } });
  expect(statuses()).toEqual([401, 401]);
  server.next({ status: 503 });
  expect(await failure(get())).toMatchObject({ status: 401 });
  await run(tokens.endSession());
  expect(isTokenError(await failure(get()))).toBe(true);
  server.always({ status: 403 }, { endpoint: 'api' });
  expect(server.apiRequests).toHaveLength(3);
});

test('S5: with Angular another origin and a header of its own are left alone', async () => {
  const { http, server, failure } = await prepare();
  await failure(firstValueFrom(http.get('https://elsewhere.test/')));
  const headers = { Authorization: 'Bearer own' };
  await failure(firstValueFrom(http.get(server.apiUrl, { headers })));
  expect(server.apiRequests.map(({ accessToken }) => accessToken)).toEqual(['own']);
});

test('S5: with Angular unsubscribing ends the wait, and the refresh goes on', async () => {
  const { http, server, clock } = await prepare();
  await clock.advance(700_000);
  server.next({ answerDelayMs: 3_000 });
  const heard = vi.fn();
  const waiting = http.get(server.apiUrl).subscribe({ next: heard, error: heard });
  await clock.settle();
  waiting.unsubscribe();
  await clock.advance(3_000);
  expect(server.counts.refreshesGranted).toBe(1);
  expect(server.apiRequests).toHaveLength(0);
  expect(heard).not.toHaveBeenCalled();
});

test('S5: with Angular unsubscribing lets go of the manager', () => {
  let left: AbortSignal | undefined;
  const never = ({ signal }: { signal?: AbortSignal | undefined } = {}) => {
    left = signal;
    return new Promise<string>(() => undefined);
  };
  const source = { getAccessToken: never, replaceAccessToken: () => never() };
  const interceptor = carryToken(source, ['https://api.example']);
  const waiting = interceptor(new HttpRequest('GET', 'https://api.example/'), () => EMPTY).subscribe();
  expect(left?.aborted).toBe(false);
  waiting.unsubscribe();
  expect(left?.aborted).toBe(true);
});

test('S3: a signal of Angular follows the session for as long as its injector lives', async () => {
  const { injector, tokens: watched, run } = await prepare();
  const { tokens, count } = countSubscribers(watched);
  const session = runInInjectionContext(injector, () => injectSession(tokens));
  expect([session().status, count()]).toEqual(['active', 1]);
  await run(tokens.endSession());
  expect(session().status).toBe('none');
  injector.destroy();
  expect(count()).toBe(0);
});
