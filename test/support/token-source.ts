import { createFetch, type FetchOptions, type TokenSource } from '../../src/index.js';

/** A source whose access tokens are `access-1`, `access-2`, …: the next one for each that is replaced. */
export function tokenSource(): TokenSource & { readonly replaced: number } {
  let number = 1;
  return {
    getAccessToken: async () => `access-${number}`,
    replaceAccessToken: async (rejected) => {
      if (rejected === `access-${number}`) number++;
      return `access-${number}`;
    },
    get replaced() {
      return number - 1;
    },
  };
}

/** A `fetch` for `https://api.test` over something that answers. */
export function fetchOver(
  answer: (
    request: Request,
    sent: { input: RequestInfo | URL; init: RequestInit | undefined },
  ) => Response | Promise<Response>,
  options: Partial<FetchOptions> = {},
  tokens: TokenSource = tokenSource(),
): typeof fetch {
  const send: typeof fetch = async (input, init) => answer(new Request(input, init), { input, init });
  return createFetch(tokens, { origins: ['https://api.test'], fetch: send, ...options });
}
