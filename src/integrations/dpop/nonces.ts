import { keepNewest } from './keep-newest.js';

/** The nonces that servers have given, the newest of each origin (RFC 9449 section 8.2). */
export interface Nonces {
  get(origin: string): string | undefined;
  /** Notes the nonce of an answer, if it has one, and returns it. */
  learn(origin: string, headers: Headers): string | undefined;
}

const MAX_ORIGINS = 100;

/** Keeps nonces in memory: they live minutes, and one costs a request per origin and page. */
export function createNonces(): Nonces {
  const nonces = new Map<string, string>();
  return {
    get: (origin) => nonces.get(origin),
    learn(origin, headers) {
      const nonce = headers.get('dpop-nonce') ?? '';
      // The characters that are allowed; two headers come joined by a comma and a blank.
      if (!/^[!#-[\]-~]{1,1024}$/.test(nonce)) return undefined;
      keepNewest(nonces, origin, nonce, MAX_ORIGINS);
      return nonce;
    },
  };
}
