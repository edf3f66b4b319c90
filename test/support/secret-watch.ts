import { inspect } from 'node:util';

// six characters of a random token and of a random session id meet by chance once in some hundred runs of all tests
const PART = 8;
const TOKEN = /(?:access|refresh)\.([\w-]{16,})|(eyJ[\w-]+\.[\w-]+\.[\w-]*)/g;

/** Knows the tokens of a scenario, and everything that others get to see of it. */
export interface SecretWatch {
  /** Notes every token in a text. */
  learn(text: unknown): void;
  /** Notes something that others get to see: an error, an event, a lock name ... */
  see(what: string, value: unknown): void;
  /** What was seen and shows eight or more characters of a token in a row, from whichever side one looks at it. */
  leaks(): string[];
  /** How many tokens are known, and how many things were seen: a watch that watched nothing proves nothing. */
  readonly counts: { readonly tokens: number; readonly seen: number };
}

/** Makes a watch that knows no token yet. */
export function createSecretWatch(): SecretWatch {
  const parts = new Set<string>();
  const tokens = new Set<string>();
  const seen: { what: string; value: unknown }[] = [];
  return {
    learn(text) {
      if (typeof text !== 'string') return;
      for (const [token, opaque, jwt] of text.matchAll(TOKEN)) {
        if (tokens.has(token)) continue;
        tokens.add(token);
        const secret = opaque ?? jwt ?? '';
        for (let at = 0; at + PART <= secret.length; at++) parts.add(secret.slice(at, at + PART));
      }
    },
    see: (what, value) => void seen.push({ what, value }),
    leaks: () => [
      ...new Set(
        seen.flatMap(({ what, value }) => {
          const part = [...views(value)].map((text) => findPart(text, parts)).find(Boolean);
          return part ? [`${what} shows "${part}"`] : [];
        }),
      ),
    ],
    get counts() {
      return { tokens: tokens.size, seen: seen.length };
    },
  };
}

function findPart(text: string, parts: ReadonlySet<string>): string | undefined {
  for (let at = 0; at + PART <= text.length; at++) {
    const part = text.slice(at, at + PART);
    if (parts.has(part)) return part;
  }
  return undefined;
}

/** Every text that a log, a crash reporter or a curious eye makes of a value. */
function* views(value: unknown): Generator<string> {
  yield String(value);
  yield inspect(value, { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null });
  yield json(value);
  for (let error = value, depth = 0; error instanceof Error && depth < 10; error = error.cause, depth++) {
    yield `${error.name} ${error.message} ${error.stack}`;
    yield JSON.stringify(error, Object.getOwnPropertyNames(error));
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return ''; // cyclic: inspect has shown it
  }
}
