import { hooks } from '../../core/hooks.js';
import type { SessionSnapshot, TokenManager } from '../../manager/token-manager.js';
import { span, stateSentence } from '../event-sentences.js';
import { createControls } from './controls.js';
import { make, timeOf, write } from './elements.js';
import { createEventList } from './event-list.js';
import type { Journal } from './journal.js';
import { type Life, lifeOf } from './life.js';
import { reportOf } from './report.js';
import type { Tabs } from './tabs.js';
import { type Simulation, simulationOf } from './with-devtools.js';

/** What is in the panel while it is open. */
export interface Panel {
  readonly parts: readonly HTMLElement[];
  /** Shows everything as it is now. */
  draw(): void;
  /** Shows what is broken; after each press of a button. */
  drawFaults(): void;
}

/** Makes what the panel shows of a manager. */
export function createPanel(tokens: TokenManager, journal: Journal, tabs: Tabs): Panel {
  const simulation = simulationOf(tokens);
  const life = createLife();
  const facts = createFacts();
  const events = createEventList(journal);
  const others = make('ul');
  const controls = simulation && createControls(tokens, simulation.faults);
  const hint = make('p', { class: 'small' }, 'Create the manager with withDevtools(createTokenManager).');
  const said = make('p', { class: 'small', role: 'status' });
  return {
    parts: [
      life.root,
      facts.root,
      createCommands(tokens, journal, simulation, (text) => write(said, text)),
      said,
      events.root,
      make('div', {}, make('h3', {}, 'Break things, for real'), controls?.root ?? hint),
      make('div', {}, make('h3', {}, 'Other tabs with devtools'), others),
    ],
    drawFaults: () => controls?.draw(),
    draw() {
      const session = tokens.getSnapshot();
      const now = nowOf(tokens);
      life.draw(lifeOf(session, simulation?.leewayMs, now), session);
      facts.draw(session, simulation, now);
      controls?.draw();
      events.draw();
      tabs.tell(session, lastRefreshAt(journal));
      drawTabs(others, tabs);
    },
  };
}

/** The time that the manager sees. */
function nowOf(tokens: TokenManager): number {
  return tokens[hooks]?.life?.().now ?? Date.now();
}

function createLife(): { root: HTMLElement; draw(life: Life, session: SessionSnapshot): void } {
  const state = make('p', { class: 'state', role: 'status' });
  const bar = make('div', {
    role: 'meter',
    'aria-label': 'Life of the access token',
  });
  bar.append(make('div', { class: 'late' }), make('div', { class: 'over' }));
  const text = make('p', { class: 'small' });
  return {
    root: make('div', {}, state, bar, text),
    draw({ word, over, staleFrom, text: told }, session) {
      write(state, stateOf(session, word));
      const percent = `${Math.round(over * 100)}`;
      bar.className = `bar ${word}`;
      bar.setAttribute('aria-valuenow', percent);
      bar.setAttribute('aria-valuetext', told);
      bar.style.setProperty('--now', `${over * 100}%`);
      bar.style.setProperty('--stale-from', `${staleFrom * 100}%`);
      write(text, told);
    },
  };
}

/** Short, and without anything that changes by itself, because it is read aloud whenever it changes. */
function stateOf({ status, refreshing, error }: SessionSnapshot, word: Life['word']): string {
  if (status === 'loading') return 'Not loaded yet.';
  if (status === 'none') return 'Nobody is signed in.';
  const token = word === 'unknown' ? '' : ` The access token is ${word}.`;
  return `Signed in.${token}${refreshing ? ' Refreshing.' : ''}${error ? ' Refreshing fails.' : ''}`;
}

function createFacts(): {
  root: HTMLElement;
  draw(session: SessionSnapshot, simulation: Simulation | undefined, now: number): void;
} {
  const list = make('dl');
  const rows = new Map<string, [HTMLElement, HTMLElement]>();
  const claims = make('pre');
  const folded = make('details', {}, make('summary', {}, 'Claims (personal)'), claims);
  const show = (name: string, text: string | undefined) => {
    const [term, value] = rows.get(name) ?? [make('dt', {}, name), make('dd')];
    rows.set(name, [term, value]);
    if (text === undefined) {
      term.remove();
      value.remove();
    } else {
      write(value, text);
      if (!term.isConnected) list.append(term, value);
    }
  };
  return {
    root: make('div', {}, list, folded),
    draw(session, simulation, now) {
      const { retryAt, error, scopes } = session;
      show('Why', error && stateSentence(session));
      show('Next attempt', retryAt === undefined ? undefined : `in ${span(retryAt - now)}`);
      show('Scopes', scopes.join(' ') || undefined);
      if (simulation) {
        const { uses, clockOffsetMs } = simulation.faults;
        show('Callers waiting', String(uses.callers));
        show('Storage', `${uses.reads} reads, ${uses.writes} writes`);
        show('Lock', uses.lock);
        show(
          'Clock',
          clockOffsetMs ? `${span(Math.abs(clockOffsetMs))} ${clockOffsetMs > 0 ? 'ahead' : 'behind'}` : undefined,
        );
      }
      folded.hidden = !session.claims;
      // nothing personal is in the page while they are folded away
      write(claims, folded.open && session.claims ? JSON.stringify(session.claims, null, 2) : '');
    },
  };
}

function createCommands(
  tokens: TokenManager,
  journal: Journal,
  simulation: Simulation | undefined,
  say: (text: string) => void,
): HTMLElement {
  const button = (label: string, run: () => Promise<unknown>, done: string) =>
    make(
      'button',
      {
        onclick: () =>
          void run().then(
            () => say(done),
            (error) => say(String(error)),
          ),
      },
      label,
    );
  return make(
    'div',
    { class: 'row' },
    button('Refresh now', () => tokens.refresh(), 'Refreshed.'),
    button('Sign out everywhere', () => tokens.endSession(), 'Signed out.'),
    button(
      'Copy report',
      async () => navigator.clipboard.writeText(reportOf(tokens.getSnapshot(), journal, simulation?.faults)),
      'Copied.',
    ),
  );
}

function lastRefreshAt({ entries }: Journal): number | undefined {
  return [...entries]
    .reverse()
    .find(({ type, event }) => type === 'refreshed' && (event as { by?: string }).by === 'us')?.event.at;
}

function drawTabs(list: HTMLElement, { others }: Tabs): void {
  const texts = others.map(
    ({ status, visible, refreshedAt }) =>
      `${visible ? 'In front' : 'Hidden'}, session ${status}${refreshedAt ? `, refreshed at ${timeOf(refreshedAt)}` : ''}.`,
  );
  if (!others.length) texts.push('None.');
  if (texts.join() === [...list.children].map(({ textContent }) => textContent).join()) return;
  list.replaceChildren(...texts.map((text) => make('li', {}, text)));
}
