/** What React Native and other runtimes lack; gone as soon as this file is imported, before anything else. */
export const removed = [
  'navigator',
  'BroadcastChannel',
  'crypto',
  'Crypto',
  'SubtleCrypto',
  'CryptoKey',
  'localStorage',
  'sessionStorage',
  'Storage',
  'document',
  'window',
  'structuredClone',
  'DOMException',
  'MessageChannel',
  'reportError',
];
for (const name of removed) Reflect.deleteProperty(globalThis, name);
for (const name of ['any', 'timeout']) Reflect.deleteProperty(AbortSignal, name);
Reflect.deleteProperty(AbortSignal.prototype, 'throwIfAborted');
Reflect.deleteProperty(Promise, 'withResolvers');
