/** The closed list of what says that a refresh token is dead, word by word; written apart from the sources' own. */
const CONTEXT = ['auth', 'oauth', 'oauth2', 'e', 'err', 'error', 'unauthorized', 'bad request'];
const GIVEN = ['provided', 'specified', 'supplied', 'given'];
const ONE = [
  'invalid',
  'invalidated',
  'expired',
  'revoked',
  'reused',
  'used',
  'already used',
  'bad',
  'unknown',
  'blacklisted',
];
const TWO = ['not valid', 'no longer valid', 'not found'];
const ENDS = ['err', 'error', 'exception'];
const ADVICE = ['log in again', 'login again', 'sign in again', 'signin again'];

export const STATES: readonly string[] = [...ONE, ...TWO];
export const VERBS: readonly string[] = ['is', 'was', 'has'].flatMap((verb) =>
  ['', ' already'].flatMap((already) => ['', ' been'].map((been) => verb + already + been)),
);
export const SUBJECTS: readonly string[] = ['', 'the ', 'this ', 'your '].flatMap((article) =>
  ['', 'old ', ...GIVEN.map((word) => `${word} `)].flatMap((before) =>
    ['', ...GIVEN.map((word) => ` ${word}`)].map((behind) => `${article}${before}refresh token${behind}`),
  ),
);
export const PREFIXES: readonly string[] = CONTEXT;

const TAILS = [
  '',
  '.',
  '!',
  ...ADVICE.flatMap((advice) =>
    ['.', ','].flatMap((mark) => ['', '.', '!'].map((end) => `${mark} please ${advice}${end}`)),
  ),
];
const PAIRS = ['', 'is ', 'was ', 'has ', 'has been ', 'been '].flatMap((verb) =>
  STATES.map((state) => ` or ${verb}${state}`),
);
const ALL_STATES = new Set(STATES.flatMap((state) => [state, ...PAIRS.map((pair) => state + pair)]));

/** Whether words in lower case, with blanks between them, are on the closed list. */
export function isListed(words: string): boolean {
  return TAILS.some((tail) => words.endsWith(tail) && ['', ...ENDS].some((end) => isCore(before(words, tail), end)));
}

/** The words of a code, or a sentence as it is. */
export function wordsOf(text: string): string {
  if (/\s/.test(text)) return text.toLowerCase();
  return [...text]
    .map((letter, index) =>
      /[._-]/.test(letter)
        ? ' '
        : /[A-Z]/.test(letter) && /[a-z\d]/.test(text[index - 1] ?? '')
          ? ` ${letter}`
          : letter,
    )
    .join('')
    .toLowerCase();
}

function before(text: string, tail: string): string {
  return text.slice(0, text.length - tail.length);
}

function isCore(words: string, end: string, contexts = 3): boolean {
  if (end && !words.endsWith(` ${end}`)) return false;
  const rest = end ? before(words, ` ${end}`) : words;
  return (
    says(rest) ||
    (contexts > 0 &&
      CONTEXT.some((word) => rest.startsWith(`${word} `) && isCore(rest.slice(word.length + 1), '', contexts - 1)))
  );
}

function says(words: string): boolean {
  if (words === 'refresh token reuse' || words === 'refresh token reuse detected') return true;
  if (words.endsWith(' refresh token')) return ALL_STATES.has(before(words, ' refresh token'));
  const subject = SUBJECTS.filter((one) => words.startsWith(`${one} `)).sort((a, b) => b.length - a.length);
  return subject.some((one) => {
    const rest = words.slice(one.length + 1);
    if (/^(does not|doesn't) exists?$/.test(rest)) return true;
    return (
      ALL_STATES.has(rest) ||
      VERBS.some((verb) => rest.startsWith(`${verb} `) && ALL_STATES.has(rest.slice(verb.length + 1)))
    );
  });
}
