import { redactChallenges } from '../core/challenge.js';
import type { SentWith } from '../core/hooks.js';
import { lostKey } from '../core/lost-key.js';
import type { RequestRejection } from '../core/session-events.js';
import type { SessionGrant } from '../core/session-grant.js';
import type { Others } from '../core/session-record.js';
import type { ErrandHost, Errands } from './errand-host.js';
import type { Manager } from './manager.js';
import type { TokenSource } from './token-manager.js';
import type { Watcher } from './watcher.js';

/** What integrations may ask a manager. Its methods are shared: a closure for each would cost every idle session. */
export class SessionHooks {
  readonly #manager: Manager;

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  isRefreshing(signal: unknown): boolean {
    return this.#manager.exchange.isInside(signal);
  }

  present(): SentWith | undefined {
    const { record } = this.#manager.session;
    return record && { sessionId: record.sessionId, revision: record.revision };
  }

  replace(
    rejected: string,
    sent: SentWith | undefined,
    options: Parameters<TokenSource['replaceAccessToken']>[1],
  ): Promise<string> {
    return this.#manager.waited(this.#manager.accessTokens.replace(rejected, options, sent));
  }

  watch(watcher: Watcher): () => void {
    return this.#manager.watch(watcher);
  }

  reject({ challenges, ...rejection }: RequestRejection, accessToken: string): void {
    const { session, accessTokens } = this.#manager;
    const { tokens, sessionId } = session.record ?? {};
    const secrets = [accessToken, tokens?.accessToken, tokens?.refreshToken, tokens?.idToken];
    const payload = { ...rejection, challenges: redactChallenges(challenges, secrets) };
    // a refused token of a past session says nothing about the present one
    const isPast = accessTokens.isOfPastSession(accessToken);
    this.#manager.emit({ type: 'requestRejected', payload, sessionId: isPast ? undefined : sessionId });
  }

  passOver(origin: string): void {
    const { sessionId } = this.#manager.session.record ?? {};
    this.#manager.emit({ type: 'requestPassedOver', payload: { origin }, sessionId });
  }

  life(): { readonly now: number; readonly expiresAt: number | undefined } {
    const { settings, session } = this.#manager;
    return { now: settings.platform.clock.now(), expiresAt: session.snapshot.expiresAt };
  }

  get key(): string {
    return this.#manager.settings.name.slice('evertoken:'.length);
  }

  async look(): Promise<void> {
    this.#manager.activate();
    await this.#manager.reader.read(false);
  }

  startErrands<Started extends Errands>(start: (host: ErrandHost) => Started): Started {
    return this.#manager.startErrands(start);
  }

  others(): Others | undefined {
    return this.#manager.session.record?.others;
  }

  idToken(): string | undefined {
    return this.#manager.session.record?.tokens.idToken;
  }

  grant(): SessionGrant | undefined {
    return this.#manager.session.record?.grant;
  }

  bindingOf(accessToken: string): string | undefined {
    return this.#manager.marks.bindingOf(accessToken);
  }

  lose(error: unknown): void {
    const { marks, session } = this.#manager;
    marks.lose(lostKey(error, session.record?.grant?.binding));
  }
}
