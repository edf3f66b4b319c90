import { describe, expect, test } from 'vitest';
import { readChallenges, redactChallenges } from '../../src/core/challenge.js';

/** Plain pairs, so that a test can compare them whatever prototype the parameters have. */
function read(header: string | null | undefined) {
  return readChallenges(header).map(({ scheme, parameters }) => [scheme, Object.entries(parameters)]);
}

describe('a WWW-Authenticate header is read as challenges', () => {
  test.each<[string, string | null | undefined, unknown]>([
    ['no header', undefined, []],
    ['a null header', null, []],
    ['an empty header', '', []],
    ['separators only', ' , ,, ', []],
    ['a bare scheme', 'Bearer', [['bearer', []]]],
    [
      'several bare schemes',
      'Negotiate, NTLM',
      [
        ['negotiate', []],
        ['ntlm', []],
      ],
    ],
    ['a quoted value', 'Bearer realm="api"', [['bearer', [['realm', 'api']]]]],
    ['a plain value', 'Bearer error=invalid_token', [['bearer', [['error', 'invalid_token']]]]],
    ['names in upper case', 'BEARER Error="Invalid_Token"', [['bearer', [['error', 'Invalid_Token']]]]],
    ['an empty quoted value', 'Bearer realm=""', [['bearer', [['realm', '']]]]],
    ['escapes', 'Bearer a="say \\"hi\\", \\\\ \\x"', [['bearer', [['a', 'say "hi", \\ x']]]]],
    ['a comma and a scheme in quotes', 'Bearer a="x, Basic realm=y"', [['bearer', [['a', 'x, Basic realm=y']]]]],
    [
      'blanks around the equals sign',
      'Bearer a = "x"\t,\tb\t=\ty',
      [
        [
          'bearer',
          [
            ['a', 'x'],
            ['b', 'y'],
          ],
        ],
      ],
    ],
    [
      'no blanks at all',
      'Bearer a=x,b="y",c=z',
      [
        [
          'bearer',
          [
            ['a', 'x'],
            ['b', 'y'],
            ['c', 'z'],
          ],
        ],
      ],
    ],
    [
      'empty list elements',
      ', Bearer ,a=x ,, b=y,',
      [
        [
          'bearer',
          [
            ['a', 'x'],
            ['b', 'y'],
          ],
        ],
      ],
    ],
    [
      'every character of a token',
      "a!#$%&'*+-.^_`|~1 x=!#$%&'*+-.^_`|~1",
      [["a!#$%&'*+-.^_`|~1", [['x', "!#$%&'*+-.^_`|~1"]]]],
    ],
    [
      'a scheme in front of another with parameters',
      'Negotiate, Basic realm="x"',
      [
        ['negotiate', []],
        ['basic', [['realm', 'x']]],
      ],
    ],
    [
      'the example of RFC 9110 section 11.6.1',
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        ['basic', [['realm', 'simple']]],
        [
          'newauth',
          [
            ['realm', 'apps'],
            ['type', '1'],
            ['title', 'Login to "apps"'],
          ],
        ],
      ],
    ],
    [
      'a step-up challenge of RFC 9470',
      'Bearer error="insufficient_user_authentication", acr_values="myACR", max_age="5"',
      [
        [
          'bearer',
          [
            ['error', 'insufficient_user_authentication'],
            ['acr_values', 'myACR'],
            ['max_age', '5'],
          ],
        ],
      ],
    ],
  ])('%s', (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  test.each(['Negotiate YIIabc', 'Negotiate YIIabc=', 'Negotiate YII/a+b-c._~d==', 'Negotiate\tYIIabc==  '])(
    'a token68 is left out: %j',
    (header) => {
      expect(read(header)).toEqual([['negotiate', []]]);
      expect(read(`${header}, Basic realm="x"`)).toEqual([
        ['negotiate', []],
        ['basic', [['realm', 'x']]],
      ]);
      expect(read(`Basic realm="x", ${header}`)).toEqual([
        ['basic', [['realm', 'x']]],
        ['negotiate', []],
      ]);
    },
  );

  test('of a parameter named twice the first counts', () => {
    expect(read('Bearer error="", Error=b')).toEqual([['bearer', [['error', '']]]]);
  });
});

describe('what is malformed is skipped', () => {
  test.each<[string, string, unknown]>([
    ['parameters without a scheme', 'a=b, c="d"', []],
    ['a parameter without a value', 'Bearer realm=, error=x', [['bearer', [['error', 'x']]]]],
    [
      'a missing comma',
      'Bearer a="x" b=y',
      [
        [
          'bearer',
          [
            ['a', 'x'],
            ['b', 'y'],
          ],
        ],
      ],
    ],
    [
      'a plain value with the characters of a URL',
      'Bearer a=http://x/y?z, b=c',
      [
        [
          'bearer',
          [
            ['a', 'http://x/y?z'],
            ['b', 'c'],
          ],
        ],
      ],
    ],
    ['a quote that never ends', 'Bearer a="x, Basic b=c', [['bearer', [['a', 'x, Basic b=c']]]]],
    ['a quote that ends in a backslash', 'Bearer a="x\\', [['bearer', [['a', 'x']]]]],
    [
      'text behind a quote',
      'Bearer a="x"y, b=z',
      [
        [
          'bearer',
          [
            ['a', 'x'],
            ['b', 'z'],
          ],
        ],
      ],
    ],
    ['words behind a token68', 'Basic abc== x y, c=d', [['basic', [['c', 'd']]]]],
    ['a name that is no token', 'Bearer x(y=z, a=b', [['bearer', [['a', 'b']]]]],
    ['a scheme that is no token', '(Bearer) a=b, Basic c=d', [['basic', [['c', 'd']]]]],
    ['an equals sign alone', 'Bearer =, = x, a=b', [['bearer', [['a', 'b']]]]],
    ['a quoted string alone', '"Basic", Bearer a=b', [['bearer', [['a', 'b']]]]],
  ])('%s', (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });
});

describe('what a hostile header can reach is bounded', () => {
  test('a parameter named like a member of every object pollutes nothing and is missing from none', () => {
    const [challenge] = readChallenges('Bearer __proto__="x", constructor="y", toString=z');
    expect(Object.entries(challenge?.parameters ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['tostring', 'z'],
    ]);
    expect(Object.getPrototypeOf(challenge?.parameters)).toBeNull();
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('sixteen challenges are read, not a seventeenth with its parameters', () => {
    const header = Array.from({ length: 17 }, (_, i) => `S${i} a=${i}`).join(', ');
    expect(read(header)).toEqual(Array.from({ length: 16 }, (_, i) => [`s${i}`, [['a', `${i}`]]]));
  });

  test('thirty-two parameters of each challenge are read', () => {
    const many = Array.from({ length: 40 }, (_, i) => `p${i}=${i}`).join(', ');
    const first = Array.from({ length: 32 }, (_, i) => [`p${i}`, `${i}`]);
    expect(read(`A ${many}, B ${many}`)).toEqual([
      ['a', first],
      ['b', first],
    ]);
  });

  test('what does not end within 8192 characters is ignored', () => {
    const fill = (length: number) => `Bearer a="${'x'.repeat(length - 11)}"`;
    expect(read(fill(8192))[0]?.[1]).toHaveLength(1);
    expect(read(`${fill(8192)}, b=c`)[0]?.[1]).toHaveLength(1);
    expect(read(fill(8193))).toEqual([['bearer', []]]);
    expect(read(`${fill(8180)}, b=cdefgh`)[0]?.[1]).toHaveLength(2);
    expect(read(`${fill(8180)}, b=cdefghi, c=d`)[0]?.[1]).toHaveLength(2);
    expect(read(`${fill(8180)}, b=cdefghij`)[0]?.[1]).toHaveLength(2);
    expect(read(`${fill(8180)}, b=cdefghijk`)[0]?.[1]).toHaveLength(1);
  });

  test.each([' ', ' ,', 'a', 'a ', 'a=', 'a="', 'a="\\', 'a"=', '@a  ', 'a b=', '\\"'])(
    'a million times %j comes to an end',
    (piece) => {
      expect(readChallenges(piece.repeat(1_000_000)).length).toBeLessThanOrEqual(16);
    },
  );
});

describe('challenges are redacted', () => {
  const secrets = [undefined, '', 'first-SECRET-token', 'zyxwvutsrqp'];
  const redact = (header: string) =>
    redactChallenges(readChallenges(header), secrets).map(({ scheme, parameters }) => [
      scheme,
      Object.entries(parameters),
    ]);

  test('a value that holds six characters of any secret is replaced as a whole', () => {
    expect(redact('Bearer a="got SECRET!", b="the utsrqp", c="SECRE", d=invalid_token')).toEqual([
      [
        'bearer',
        [
          ['a', '[redacted]'],
          ['b', '[redacted]'],
          ['c', 'SECRE'],
          ['d', 'invalid_token'],
        ],
      ],
    ]);
  });

  test('upper and lower case are not told apart', () => {
    expect(redact('Bearer a="-secret-"')).toEqual([['bearer', [['a', '[redacted]']]]]);
  });

  test('a parameter whose name holds part of a secret is left out', () => {
    expect(redact('Bearer ZYXWVU=a, b=c')).toEqual([['bearer', [['b', 'c']]]]);
  });

  test('a scheme that holds part of a secret is replaced, the scheme bearer never', () => {
    expect(redact('first-secret a=b')).toEqual([['[redacted]', [['a', 'b']]]]);
    expect(redactChallenges(readChallenges('Bearer a=b'), ['a-bearer-token'])[0]?.scheme).toBe('bearer');
  });

  test('without secrets nothing is changed, and the challenges given never are', () => {
    const given = readChallenges('Bearer __proto__="utsrqp", b=c');
    expect(redactChallenges(given, [undefined])).toEqual(given);
    const [shown] = redactChallenges(given, secrets);
    expect(Object.entries(shown?.parameters ?? {})).toEqual([
      ['__proto__', '[redacted]'],
      ['b', 'c'],
    ]);
    expect(Object.entries(given[0]?.parameters ?? {})[0]).toEqual(['__proto__', 'utsrqp']);
  });
});
