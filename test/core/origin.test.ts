import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDestination } from '../../src/core/origin.js';

describe('the origin of a URL', () => {
  test.each([
    ['https://api.example/x', 'https://api.example', true],
    ['HTTPS://API.Example', 'https://api.example', true],
    ['https://api.example:443/', 'https://api.example', true],
    ['https://api.example:0443/', 'https://api.example', true],
    ['https://api.example:8443?q=1', 'https://api.example:8443', true],
    ['http://api.example:80/#x', 'http://api.example', false],
    ['http://localhost:3000/', 'http://localhost:3000', true],
    ['http://app.localhost/', 'http://app.localhost', true],
    ['http://127.0.0.1:1/', 'http://127.0.0.1:1', true],
    ['http://127.1.2.3/', 'http://127.1.2.3', true],
    ['http://[::1]:8080/', 'http://[::1]:8080', true],
    ['https://[2001:db8::1]/', 'https://[2001:db8::1]', true],
    ['http://localhost.example/', 'http://localhost.example', false],
    ['http://127.0.0.1.example/', 'http://127.0.0.1.example', false],
    ['http://127.0.0.100/', 'http://127.0.0.100', true],
    ['http://evillocalhost/', 'http://evillocalhost', false],
    ['http://[::1:1]/', 'http://[::1:1]', false],
    ['http://10.127.0.0/', 'http://10.127.0.0', false],
    ['https://0x7g.example/', 'https://0x7g.example', true],
  ])('%s is %s', (url, origin, secure) => {
    expect(readDestination(url)).toEqual({ origin, secure });
  });

  test.each([
    ['userinfo', 'https://api.example@evil.example/'],
    ['a password', 'https://api.example:x@evil.example/'],
    ['a backslash', 'https://evil.example\\@api.example/'],
    ['a backslash in the path', 'https://api.example/\\evil.example'],
    ['white space', 'https://api.example /'],
    ['a tab', 'https://api.ex\tample/'],
    ['a line break at the end', 'https://api.example/\n'],
    ['no slashes', 'https:api.example'],
    ['three slashes', 'https:///api.example'],
    ['another scheme', 'ftp://api.example/'],
    ['a relative address', '/x'],
    ['a name beyond ASCII', 'https://ünicode.example/'],
    ['a percent sign in the host', 'https://api%2eexample/'],
    ['an empty host', 'https:///'],
    ['a port that is none', 'https://api.example:port/'],
    ['a number for a host', 'https://0'],
    ['a hexadecimal host', 'https://0x7f.1/'],
    ['a hexadecimal last label', 'https://api.0x7f/'],
    ['a hexadecimal last label without digits', 'https://api.0x/'],
    ['something before the scheme', 'x https://api.example/'],
    ['another scheme around it', 'blob:https://api.example/x'],
    ['an octal address', 'http://127.0.0.010/'],
    ['an address out of range', 'http://127.0.0.256/'],
    ['nothing', ''],
  ])('is in doubt, and so none, with %s', (_, url) => {
    expect(readDestination(url)).toBeUndefined();
  });

  test('is what the platform reads too, wherever it is beyond doubt', () => {
    fc.assert(
      fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
        const read = readDestination(url);
        if (read) expect(read.origin).toBe(new URL(url).origin);
      }),
    );
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const url = `https://${before}api.example${after}`;
        const read = readDestination(url);
        if (read) expect(read.origin).toBe(new URL(url).origin);
      }),
    );
  });
});
