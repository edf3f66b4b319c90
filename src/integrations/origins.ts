import { type Destination, readDestination } from '../core/origin.js';
import { OptionsError } from '../errors.js';

/** Checks the listed origins. Throws `OptionsError`, `ERR_OPTIONS`. */
export function readAllowedOrigins({
  origins,
  allowInsecure,
}: {
  origins?: unknown;
  allowInsecure?: boolean | undefined;
}): ReadonlySet<string> {
  if (!Array.isArray(origins) || origins.length === 0) {
    refuse('origins', "a list that is not empty, such as ['https://api.example']", origins);
  }
  return new Set(
    origins.map((given) => {
      const text = String(given);
      const destination = readCareful(text, undefined);
      if (!destination || !/^\w+:\/\/[^/?#]+\/?$/.test(text)) {
        const expected = 'scheme, host and port, without a path or a *, such as https://api.example';
        refuse('origins', expected, given, '', destination && '/…');
      }
      if (!destination.secure && allowInsecure !== true) throw insecure(`origins: ${destination.origin}`);
      return destination.origin;
    }),
  );
}

/** Checks the URL of an endpoint that gets secrets. Throws `OptionsError`, `ERR_OPTIONS`. */
export function checkEndpoint(url: unknown, allowInsecure: boolean | undefined): string {
  const destination = readCareful(String(url), base());
  if (!destination) refuse('url', 'an absolute https URL', url);
  if (!destination.secure && allowInsecure !== true) throw insecure(`url: ${destination.origin}`);
  return String(url);
}

/** Checks a function that may be left out: what sends, unless another option is named. */
export function checkSender(value: unknown, option = 'fetch'): void {
  if (typeof (value ?? checkSender) !== 'function') refuse(option, 'a function', value);
}

/** Checks that there is each option that was given. Throws `OptionsError`, `ERR_OPTIONS`; a name that may be a secret is not shown. */
export function checkNames(options: object, known: readonly string[]): void {
  for (const name in options) {
    const shown = /^[a-z_]{1,32}$/i.test(name) ? name : '(a name)';
    if (!known.includes(name)) refuse(shown, `one of ${known.join(', ')}`, options[name as keyof typeof options]);
  }
}

/** Throws the error for an option that is wrong; of what came, nothing that may be a secret is shown. */
export function refuse(option: string, expected: string, came: unknown, advice = '', rest = ''): never {
  throw optionError(option, expected, `${show(came)}${rest} came${advice}`);
}

/** The error for an option that is wrong. */
export function optionError(option: string, expected: string, what: string): OptionsError {
  return new OptionsError('ERR_OPTIONS', `Option ${option}: expected ${expected}, but ${what}.`);
}

/** Where a request goes. */
export interface Target {
  readonly origin: string;
  /** Absolute, and read by every parser in the same way. */
  readonly url: string;
}

/** Reads where a request goes, and whether an access token may go there. */
export function createTargets(
  origins: ReadonlySet<string>,
): (url: string) => (Target & { readonly isListed: boolean }) | undefined {
  const known = [...origins].map((origin) => ({ origin, prefix: `${origin}/` }));
  return (url) => {
    // An origin followed by a slash is unambiguous, so the common case needs no parser.
    for (const { origin, prefix } of known) if (url.startsWith(prefix)) return { origin, url, isListed: true };
    const target = readTarget(url);
    return target && { ...target, isListed: origins.has(target.origin) };
  };
}

/** The origin of a URL, and the URL as it has to be sent; undefined if parsers may read it differently. */
export function readTarget(url: string): Target | undefined {
  // An unambiguous URL is not rewritten, because React Native appends a slash; an IPv6 address has many spellings.
  const clear = readDestination(url);
  if (clear && !url.includes('[')) return { origin: clear.origin, url };
  // A backslash ends the host in the WHATWG standard, and belongs to it in RFC 3986.
  if (/^\s*\w+:\/*[^/?#]*\\/.test(url)) return undefined;
  const href = resolve(url, base());
  const { origin } = readDestination(href) ?? {};
  return origin === undefined ? undefined : { origin, url: href };
}

// Stricter, for configured URLs, which the application can write without backslashes and white space.
function readCareful(text: string, from: string | undefined): Destination | undefined {
  return /[\\\s]/.test(text) ? undefined : readDestination(resolve(text, from));
}

// A relative URL is resolved against the base of the document, which may have another origin than the page.
function base(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return document?.baseURI ?? location?.href;
}

function resolve(text: string, from: string | undefined): string {
  try {
    return new URL(text, from).href;
  } catch {
    return '';
  }
}

/** The error for an option, with what came, that would send secrets over plain http. */
export function insecure(what: string): OptionsError {
  const why = 'expected https, because a token sent over http can be read on the way; allowInsecure: true accepts it';
  return new OptionsError('ERR_OPTIONS', `Option ${what} is not secure: ${why}.`);
}

// An address may carry credentials or a query: only its beginning is shown.
function show(given: unknown): string {
  const start = typeof given === 'string' ? /^[a-z]+:\/\/[\w.-]+(?=(:\d+)?([/?#]|$))/i.exec(given)?.[0] : undefined;
  return start ?? (given === null ? 'null' : `a value of type ${typeof given}`);
}
