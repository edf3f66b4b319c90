import type { TokenSource } from 'evertoken';
import got, { type Got } from 'got';

/** A got whose requests to the API carry the access token, and go out once more after a 401. Not for `got.stream`. */
export function createApi(tokens: TokenSource, url: string): Got {
  const { origin } = new URL(url);
  return got.extend({
    prefixUrl: url,
    hooks: {
      beforeRequest: [
        async (options) => {
          // a redirect may have led elsewhere by now
          if (new URL(`${options.url}`).origin !== origin) return;
          options.headers.authorization = `Bearer ${await tokens.getAccessToken()}`;
        },
      ],
      afterResponse: [
        async (response, sendAgain) => {
          const rejected = `${response.request.options.headers.authorization}`.replace('Bearer ', '');
          if (response.statusCode !== 401 || new URL(response.url).origin !== origin) return response;
          const isReplaced = await tokens.replaceAccessToken(rejected).then(
            () => true,
            () => false,
          );
          // `beforeRequest` puts the new one on, and this hook is not called again
          return isReplaced ? sendAgain({}) : response;
        },
      ],
    },
  });
}
