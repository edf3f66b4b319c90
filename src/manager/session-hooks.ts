import type { SessionGrant } from '../core/session-grant.js';
import type { Manager } from './manager.js';

/** What integrations may ask about a session. Its methods are shared: a closure for each would cost every idle session. */
export class SessionHooks {
  readonly #manager: Manager;

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  get key(): string {
    return this.#manager.settings.name.slice('evertoken:'.length);
  }

  async look(): Promise<void> {
    this.#manager.activate();
    await this.#manager.reader.read(false);
  }

  idToken(): string | undefined {
    return this.#manager.session.record?.tokens.idToken;
  }

  grant(): SessionGrant | undefined {
    return this.#manager.session.record?.grant;
  }
}
