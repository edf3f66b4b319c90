/** The origin of a URL, and whether it is secure enough for a token. */
export interface Destination {
  /** Scheme, host and port in lower case; without the default port of the scheme. */
  readonly origin: string;
  /** `https:`, or `http:` on the loopback interface. */
  readonly secure: boolean;
}

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Reads the origin of an absolute http(s) URL; undefined for anything else, and for a URL that parsers may read
 * differently: userinfo, backslashes before the query, white space, control characters.
 */
export function readDestination(url: string): Destination | undefined {
  const match = /^(https?):\/\/([a-z\d._-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(?:\/[!"$->@-[\]-~]*)?(?:[?#][!-~]*)?$/i.exec(
    url,
  );
  if (!match) return undefined;
  const scheme = (match[1] as string).toLowerCase();
  const host = (match[2] as string).toLowerCase();
  // If the last label is a number, parsers read the host as an IPv4 address, but not all in the same way.
  if (/(^|\.)(\d+|0x[\da-f]*)\.?$/.test(host) && !isAddress(host)) return undefined;
  const port = match[3] === undefined ? '' : String(Number(match[3]));
  const own = scheme === 'https' ? '443' : '80';
  return {
    origin: `${scheme}://${host}${port === '' || port === own ? '' : `:${port}`}`,
    secure: scheme === 'https' || LOOPBACK.test(host),
  };
}

function isAddress(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => Number(part) < 256 && String(Number(part)) === part);
}
