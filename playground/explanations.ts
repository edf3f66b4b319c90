/** What an event means for those who see it the first time; by its type. */
export const EXPLANATIONS: Readonly<Record<string, string>> = {
  sessionStarted: 'A session is found by every tab, wherever it began.',
  refreshStarted: 'One tab asks, under a lock that the others wait for. A refresh token works once.',
  refreshed: 'The new tokens are stored before the lock opens, so that the next tab finds them.',
  refreshFailed: 'A passing fault ends nothing. The next attempt waits, longer each time.',
  requestRejected: 'A 401 costs one refresh and one replay, for all calls together.',
  storageFailed: 'Memory serves until the storage works again.',
  revokeFailed: 'It is over here all the same.',
  sessionEnded: 'Only proof ends a session: the word of the server, or of the user.',
  signIn: 'The tabs beside follow.',
  signOut: 'Signing out wins over a refresh that is under way.',
  crash: 'Its lock is free at once, and what it had not stored is gone.',
  reload: 'It reads the storage and goes on.',
};
