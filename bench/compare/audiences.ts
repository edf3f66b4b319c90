import type { TabBrowser } from '../../test/support/browsers/tab-browser.js';
import type { ComparedPage } from './compared-page.js';
import { count, type Library, onStage, type Stage, signIn } from './stage.js';

/** Access tokens for three audiences at once, by one sign-in, from a server whose refresh tokens are good once. */
export interface Audiences {
  readonly name: string;
  /** Why the library has no such thing; then nothing was counted. */
  readonly cannot?: string;
  readonly signedIn: string;
  readonly rounds: readonly Round[];
  /** Refresh tokens that were presented although they had been used. */
  readonly reuses: number;
  /** Whether the session outlived it. */
  readonly isAlive: boolean;
}

/** What came of asking for all three. */
export interface Round {
  readonly name: string;
  /** Requests to the token endpoint. */
  readonly requests: number;
  /** Audiences of which a token came that is for them. */
  readonly served: number;
}

/** What the user signs in for. */
const audiences: readonly string[] = ['orders', 'invoices', 'stock'].map((name) => `https://${name}.example/`);

/** How long an access token lives, in milliseconds; auth0-spa-js asks for the next one 60 s before its end. */
export const expiringMs = 66_000;

/** Why a library is left out. */
const reasons: Readonly<Record<string, string>> = {
  '@atproto/oauth-client-browser':
    'a session has one audience, the server with the data of its user: `tokenSet.aud` in `dist/oauth-session.js` of @atproto/oauth-client',
};

/** Asks one after the other, and in another session for all of them at once; at the end also when all have expired. */
export async function runAudiences(browser: TabBrowser, library: Library, isLong: boolean): Promise<Audiences> {
  const server = { resources: audiences, accessTokenLifetimeMs: expiringMs, delayMs: 50, answerDelayMs: 50 };
  const options = { server, settings: { audiences } };
  const alone = await onStage(browser, library, options, async (stage) => {
    if (!(await stage.tab.run(isAble))) return undefined;
    await signIn(stage);
    return ask(stage, 'one after the other', (audience) => [audience]);
  });
  if (!alone)
    return { name: library.name, ...unmeasured, cannot: reasons[library.name] ?? 'it has nothing for that yet' };
  return onStage(browser, library, options, async (stage) => {
    const signedIn = await signIn(stage);
    const rounds = [alone, await ask(stage, 'at once'), await ask(stage, 'at once again')];
    if (isLong) {
      await new Promise((resolve) => setTimeout(resolve, expiringMs));
      rounds.push(await ask(stage, 'at once, all expired'));
    }
    const { reusesDetected: reuses, familiesRevoked } = stage.server.counts;
    return { name: library.name, signedIn, rounds, reuses, isAlive: familiesRevoked === 0 };
  });
}

const unmeasured = { signedIn: '', rounds: [], reuses: 0, isAlive: false };

async function ask(
  { tab, front, server }: Stage,
  name: string,
  portion?: (audience: string) => readonly string[],
): Promise<Round> {
  const before = count(front, '/token');
  const answers = [];
  for (const wanted of portion ? audiences.map(portion) : [audiences])
    answers.push(...(await tab.run(tokensFor, wanted)));
  const isRight = ({ token }: { token?: string }, index: number): boolean => {
    const facts = token === undefined ? undefined : server.inspect(token);
    return facts?.active === true && facts.resource === audiences[index];
  };
  return { name, requests: count(front, '/token') - before, served: answers.filter(isRight).length };
}

// what follows runs in the page

declare const page: ComparedPage;

function isAble(): boolean {
  return page.tokensFor !== undefined;
}

async function tokensFor(wanted: readonly string[]): Promise<{ token?: string; error?: string }[]> {
  return (await page.tokensFor?.(wanted)) ?? [];
}
