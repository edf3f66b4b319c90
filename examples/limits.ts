import { createFetch } from 'evertoken';
import { limitSession } from 'evertoken/limits';
import { tokens } from './sign-in-page.js';

export const session = limitSession(tokens, {
  idleMs: 15 * 60_000,
  absoluteMs: 12 * 3_600_000,
  warnMs: 2 * 60_000,
  storage: localStorage,
});

export const api = createFetch(session, { origins: ['https://api.example'] });
/** For what the page asks by itself: such requests keep nobody signed in. */
export const poll = createFetch(session.background, { origins: ['https://api.example'] });

for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => session.used(), { passive: true });

const dialog = document.querySelector('dialog');
session.on('warned', ({ because }) => because === 'idle' && dialog?.showModal());
session.on('warningLifted', () => dialog?.close());
session.on('limitReached', ({ because }) => location.assign(`/signed-out?because=${because}`));

/** The server has noticed something: five minutes without use are enough from now on. */
export const beCareful = (): Promise<void> => session.tighten({ idleMs: 5 * 60_000 });
