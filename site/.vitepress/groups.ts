/** A group of the list of pages; what is in `folder` and not named follows, and a page that does not exist is left out. */
export interface Group {
  readonly text: string;
  readonly pages: readonly string[];
  readonly folder?: string;
  /** Has a list of its own, beside its pages alone. */
  readonly isApart?: boolean;
}

function below(name: string): string {
  return `what-happens/${name}`;
}

/** A page that is in no group is listed under "More". */
export const groups: readonly Group[] = [
  { text: 'Begin', pages: ['start', 'sign-in', 'recipes', 'subpaths', 'comparison'] },
  { text: 'Frameworks', pages: ['frameworks', 'frameworks/react', 'frameworks/vue'], folder: 'frameworks' },
  {
    text: 'What happens when',
    pages: [
      'what-happens',
      ...['token-expires', 'api-refuses', 'server-down', 'answer-lost', 'refresh-token-reused', 'clock-and-sleep'].map(
        below,
      ),
      ...['several-tabs', 'storage-fails', 'sign-out', 'somebody-else', 'session-ends', 'page-leaves'].map(below),
    ],
    folder: 'what-happens',
  },
  { text: 'When something is wrong', pages: ['troubleshooting', 'errors', 'devtools'] },
  {
    text: 'Platforms',
    pages: ['browser', 'react-native', 'node', 'command-line-tool', 'redis', 'sql', 'fleet', 'where-it-runs'],
  },
  { text: 'Migrate', pages: ['migrate'], folder: 'migrate' },
  { text: 'Reference', pages: ['options', 'token-manager', 'create-fetch', 'token-endpoint', 'events', 'bounds'] },
  { text: 'Secure', pages: ['security', 'encryption', 'dpop', 'limits', 'report-a-vulnerability'] },
  { text: 'Test', pages: ['testing', 'simulation', 'browser-results'] },
  { text: 'Operate', pages: ['observability'] },
  { text: 'Sign in at', pages: ['providers'], folder: 'sign-in-at' },
  { text: 'Changes', pages: ['changes'] },
  { text: 'Runbooks', pages: ['observability'], folder: 'runbooks', isApart: true },
  { text: 'API', pages: ['api/index', 'api/evertoken'], folder: 'api', isApart: true },
];
