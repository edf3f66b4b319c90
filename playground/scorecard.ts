import type { Score } from './run.js';

/** The lines of the scorecard: what is counted, and what it means. */
export const LINES: readonly { readonly key: keyof Score; readonly title: string; readonly meaning: string }[] = [
  { key: 'accidents', title: 'Sign-outs by accident', meaning: 'the session ended although nobody had asked for that' },
  { key: 'turnedAway', title: 'Calls turned away', meaning: 'the user looks at a sign-in page after such an accident' },
  { key: 'failed', title: 'Calls that failed', meaning: 'the application got no good answer' },
  { key: 'waited', title: 'Calls that waited', meaning: 'they took longer than an answer of the API does' },
  { key: 'refused', title: 'Calls refused with 401', meaning: 'the API was asked with an access token that is over' },
  {
    key: 'tokenRequests',
    title: 'Requests to the token endpoint',
    meaning: 'those that were refused and lost included',
  },
  { key: 'calls', title: 'Calls in all', meaning: 'of four tabs, one every ten seconds each' },
];
