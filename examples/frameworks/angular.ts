import type { HttpErrorResponse, HttpInterceptorFn } from '@angular/common/http';
import { DestroyRef, inject, type Signal, signal } from '@angular/core';
import type { SessionSnapshot, TokenManager, TokenSource } from 'evertoken';
import { catchError, Observable, switchMap, throwError } from 'rxjs';

/** For `provideHttpClient(withInterceptors([carryToken(tokens, ['https://api.example'])]))`; cancelling ends the wait. */
export function carryToken(tokens: TokenSource, origins: readonly string[]): HttpInterceptorFn {
  return (request, next) => {
    if (request.headers.has('Authorization') || !origins.includes(originOf(request.url))) return next(request);
    const send = (token: string) => next(request.clone({ setHeaders: { Authorization: `Bearer ${token}` } }));
    return waitFor((signal) => tokens.getAccessToken({ signal })).pipe(
      switchMap((token) =>
        send(token).pipe(
          catchError((refused: HttpErrorResponse) =>
            refused.status !== 401
              ? throwError(() => refused)
              : waitFor((signal) => tokens.replaceAccessToken(token, { signal })).pipe(
                  catchError(() => throwError(() => refused)),
                  switchMap(send),
                ),
          ),
        ),
      ),
    );
  };
}

/** The session as a signal, for as long as whoever injects it lives. */
export function injectSession(tokens: TokenManager): Signal<SessionSnapshot> {
  const session = signal(tokens.getSnapshot());
  const look = () => session.set(tokens.getSnapshot());
  inject(DestroyRef).onDestroy(tokens.subscribe(look));
  look();
  return session.asReadonly();
}

/** A promise that is let go of when nobody waits for it any more. */
function waitFor<T>(start: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((waiting) => {
    const left = new AbortController();
    start(left.signal).then(
      (value) => {
        waiting.next(value);
        waiting.complete();
      },
      (error) => waiting.error(error),
    );
    return () => left.abort();
  });
}

function originOf(url: string): string {
  const base = globalThis.document?.baseURI;
  return URL.canParse(url, base) ? new URL(url, base).origin : '';
}
