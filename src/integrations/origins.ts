import { readDestination } from '../core/origin.js';
import { OptionsError } from '../errors.js';

/** Checks the listed origins. Throws `OptionsError`, `ERR_OPTIONS`. */
export function readAllowedOrigins(options: {
  origins: readonly string[];
  allowInsecure?: boolean | undefined;
}): ReadonlySet<string> {
  const { origins, allowInsecure } = Object(options) as Partial<typeof options>;
  if (!Array.isArray(origins) || origins.length === 0) {
    refuse('origins', "a list such as ['https://api.example']", origins);
  }
  return new Set(
    origins.map((given) => {
      const { origin, secure, rest } = readUrl(given) ?? {};
      if (origin === undefined || rest) {
        refuse('origins', 'scheme, host and port such as https://api.example', given, rest ? '/…' : '');
      }
      if (!secure && !allowInsecure) throw insecure(`origins: ${origin}`);
      return origin;
    }),
  );
}

/** Checks the URL of an endpoint that gets secrets. Throws `OptionsError`, `ERR_OPTIONS`. */
export function checkEndpoint(url: unknown, allowInsecure: boolean | undefined): string {
  const destination = readUrl(url);
  if (!destination) refuse('url', 'an absolute https URL', url);
  if (!destination.secure && !allowInsecure) throw insecure(`url: ${destination.origin}`);
  return String(url);
}

/** Checks what sends; by default the global `fetch` does. */
export function checkSender(fetch: unknown): void {
  if (typeof (fetch ?? checkSender) !== 'function') refuse('fetch', 'a function', fetch);
}

/** Throws the error for an option that is wrong; of what came, nothing that may be a secret is shown. */
export function refuse(option: string, expected: string, came: unknown, rest = ''): never {
  throw new OptionsError('ERR_OPTIONS', `Option ${option}: expected ${expected}, but ${show(came)}${rest} came.`);
}

/** Where a request goes. */
export interface Target {
  readonly origin: string;
  /** Absolute. */
  readonly url: string;
}

/** Reads the target of a URL; undefined where it is not beyond doubt that it lies in one of the origins. */
export function createTargets(origins: ReadonlySet<string>): (url: string) => Target | undefined {
  const known = [...origins].map((origin) => ({ origin, prefix: `${origin}/` }));
  return (url) => {
    // the prefix of an origin, complete with its slash, leaves no doubt: the common case needs no parser
    for (const { origin, prefix } of known) if (url.startsWith(prefix)) return { origin, url };
    const target = readTarget(url);
    return target && origins.has(target.origin) ? target : undefined;
  };
}

/** The origin that a URL leads to, and the URL itself, absolute; undefined where that is not beyond doubt. */
export function readTarget(url: string): Target | undefined {
  const read = readUrl(url);
  // an absolute one stays as it is: React Native appends a slash
  return read && { origin: read.origin, url: /^https?:\/\//i.test(url) ? url : read.href };
}

function readUrl(given: unknown): { origin: string; secure: boolean; rest: boolean; href: string } | undefined {
  const text = String(given);
  if (/[\\\s]/.test(text)) return undefined; // parsers differ on these
  // what is relative is so to the base of the document, which may lead elsewhere than the page
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  try {
    const { href } = new URL(text, document?.baseURI ?? location?.href);
    const destination = readDestination(href);
    return destination && { ...destination, href, rest: href.replace(/\/$/, '') !== destination.origin };
  } catch {
    return undefined;
  }
}

function insecure(what: string): OptionsError {
  const why = 'expected https, because a token sent over http can be read on the way; allowInsecure accepts it';
  return new OptionsError('ERR_OPTIONS', `Option ${what} is not secure: ${why}.`);
}

// An address may carry credentials or a query: only its beginning is shown.
function show(given: unknown): string {
  const start = typeof given === 'string' ? /^[a-z]+:\/\/[\w.-]+(?=(:\d+)?([/?#]|$))/i.exec(given)?.[0] : undefined;
  return start ?? (given === null ? 'null' : `a value of type ${typeof given}`);
}
