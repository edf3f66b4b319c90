import { expect, test } from 'vitest';
import { isProgrammingError } from '../../src/core/programming-error.js';

test.each([
  ['V8', "Cannot read properties of undefined (reading 'access_token')"],
  ['V8', "Cannot set properties of null (setting 'x')"],
  ['V8', "Cannot destructure property 'a' of 'undefined' as it is undefined."],
  ['V8', 'response.jsn is not a function'],
  ['V8', 'Thing is not a constructor'],
  ['V8', 'object null is not iterable (cannot read property Symbol(Symbol.iterator))'],
  ['V8', 'Assignment to constant variable.'],
  ['V8', 'Cannot convert undefined or null to object'],
  ['SpiderMonkey', 'can\'t access property "token", data is undefined'],
  ['SpiderMonkey', 'data is undefined'],
  ['SpiderMonkey', 'data is null'],
  ['SpiderMonkey', "can't convert undefined to object"],
  ['JavaScriptCore', "undefined is not an object (evaluating 'data.token')"],
  ['JavaScriptCore', "null is not an object (evaluating 'data.token')"],
  ['JavaScriptCore', "data.token is not a function. (In 'data.token()', 'data.token' is undefined)"],
  ['Hermes', "Cannot read property 'token' of undefined"],
  ['Hermes', 'undefined is not a function'],
  ['Chromium', "Failed to execute 'fetch' on 'Window': Illegal invocation"],
  ['Chromium', "Failed to execute 'json' on 'Response': body stream already read"],
  ['Chromium', "Failed to execute 'fetch' on 'Window': Failed to parse URL from http://"],
  ['Firefox', 'Window.fetch: http:// is not a valid URL.'],
  ['Firefox', 'Response.json: Body has already been consumed.'],
  ['Safari', 'Body is disturbed or locked'],
  ['Node', 'Failed to parse URL from /token'],
  ['Node', 'Body is unusable: Body has already been read'],
  ['Node', 'Invalid URL'],
])('a TypeError of %s that tells of a mistake: %s', (_, message) => {
  expect(isProgrammingError({ name: 'TypeError', message })).toBe(true);
  expect(isProgrammingError({ name: 'Error', message })).toBe(false);
});

test.each([
  ['Chromium', 'Failed to fetch'],
  ['Chromium', 'Failed to fetch (auth.example)'],
  ['Chromium', 'network error'],
  ['Firefox', 'NetworkError when attempting to fetch resource.'],
  ['Firefox', 'Error in body stream'],
  ['Safari', 'Load failed'],
  ['Safari', 'Load failed (auth.example)'],
  ['Safari', 'The network connection was lost.'],
  ['Safari', 'The Internet connection appears to be offline.'],
  ['Safari', 'Could not connect to the server.'],
  ['Safari', 'A server with the specified hostname could not be found.'],
  ['Safari', 'The request timed out.'],
  ['Safari', 'cancelled'],
  ['Safari', 'Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200'],
  ['Safari', 'The certificate for this server is invalid.'],
  ['Safari in German', 'Die Netzwerkverbindung wurde unterbrochen.'],
  ['Safari in French', 'La connexion réseau a été perdue.'],
  ['undici', 'fetch failed'],
  ['undici', 'terminated'],
  ['Deno', 'error sending request for url (https://auth.example/token): client error (Connect): dns error'],
  ['React Native', 'Network request failed'],
  ['React Native', 'Network request timed out'],
  ['workerd', 'Network connection lost.'],
  ['nobody', ''],
])('a TypeError of %s that tells of the network: %s', (_, message) => {
  expect(isProgrammingError({ name: 'TypeError', message })).toBe(false);
});

test('whatever they say, a ReferenceError and a RangeError tell of a mistake, and a SyntaxError does not', () => {
  expect(isProgrammingError({ name: 'ReferenceError', message: "Can't find variable: x" })).toBe(true);
  expect(isProgrammingError({ name: 'ReferenceError', message: "Property 'x' doesn't exist" })).toBe(true);
  expect(isProgrammingError({ name: 'RangeError', message: 'Maximum call stack size exceeded' })).toBe(true);
  // HTML where JSON was expected
  expect(isProgrammingError({ name: 'SyntaxError', message: 'Unexpected token <' })).toBe(false);
  expect(isProgrammingError({ name: 'MyReferenceError', message: '' })).toBe(false);
});
