import { expect, test } from 'vitest';
import { fileLock, fileStorage } from '../../src/adapters/file.js';
import { node } from '../../src/presets/node.js';
import { webStorage } from '../../src/presets/web-storage.js';

const wrong = (message: string) => expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS', message });

test.each([
  [3, 'a value of type number'],
  [null, 'a value of type object'],
  ['', 'an empty one'],
])('the path of a credentials file that is %j is refused at once', (path, came) => {
  const expected = wrong(`Expected the path of a credentials file as a string, but ${came} came.`);
  for (const make of [fileStorage, fileLock, (file: string) => node({ file })]) {
    expect(() => make(path as string)).toThrowError(expected);
  }
});

test('a web storage of another name is refused, and not taken for sessionStorage', () => {
  expect(() => webStorage('locale' as 'local')).toThrowError(
    wrong("Expected 'local' or 'session' for localStorage or sessionStorage."),
  );
});
