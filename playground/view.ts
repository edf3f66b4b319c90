import { make, write } from '../src/integrations/devtools/elements.js';
import { span } from '../src/integrations/event-sentences.js';
import type { Look } from './client.js';
import { EXPLANATIONS } from './explanations.js';
import type { Link } from './permalink.js';
import { PRESET_MS, PRESETS, type Preset, type Step } from './presets.js';
import type { Action, Run, Sent, Switch, Told } from './run.js';
import { LINES } from './scorecard.js';

/** What a user can do. */
export interface Actions {
  start(next: { preset?: string; seed?: number }): void;
  speed(speed: number): void;
  play(playing: boolean): void;
  step(): void;
  toggle(name: Switch): void;
  act(action: Action, tab?: number): void;
  freeze(tab: number, frozen: boolean): void;
}

interface Shown {
  readonly runs: readonly [Run, Run];
  readonly preset: Preset;
  readonly on: ReadonlySet<Switch>;
  readonly nowMs: number;
}

type Looks = readonly (readonly (Look & { readonly state: string })[])[];

const SWITCH_TITLES: Readonly<Record<Switch, string>> = {
  outage: 'Token endpoint down',
  lost: 'Answers get lost',
  limited: '429 for everybody',
  slow: 'Slow answers',
  clock: 'Clock an hour ahead',
  frozen: 'Tab 2 frozen',
  grace: 'Server forgives reuse for a minute',
};
const ACTION_TITLES: Readonly<Record<Action, string>> = {
  crash: 'Crash tab 1',
  signOut: 'Sign out in tab 3',
  sleep: 'Close the lid for 8 hours',
};

/** Makes the page; `draw` shows what is there now. */
export function createView(target: HTMLElement, actions: Actions) {
  const controls = createControls(actions);
  const card = createScorecard();
  const tabs = [1, 2, 3, 4].map((number) => createTab(number, actions));
  const servers = ['evertoken', 'the interceptor'].map((who) => createServerList(who));
  const events = createEvents();
  target.replaceChildren(
    controls.root,
    card.root,
    make(
      'section',
      { 'aria-labelledby': 'tabs' },
      make('h2', { id: 'tabs' }, 'Four tabs of one browser'),
      make('div', { class: 'tabs' }, ...tabs.map(({ root }) => root)),
    ),
    make(
      'section',
      { 'aria-labelledby': 'events' },
      make('h2', { id: 'events' }, 'What happens at evertoken, newest first'),
      events.root,
    ),
    make(
      'section',
      { 'aria-labelledby': 'server' },
      make(
        'h2',
        { id: 'server' },
        'Requests that the server sees, without those to the API that it answered with 200; newest first',
      ),
      make('div', { class: 'two' }, ...servers.map(({ root }) => root)),
    ),
  );
  return {
    draw(link: Link, shown: Shown, isPlaying: boolean, looks: Looks) {
      const [ours, theirs] = shown.runs;
      controls.draw(link, shown, isPlaying);
      card.draw(ours, theirs);
      for (const [index, tab] of tabs.entries()) tab.draw(looks[0]?.[index], looks[1]?.[index], ours.clock.now());
      events.draw(ours.told);
      servers[0]?.draw(ours.sent);
      servers[1]?.draw(theirs.sent);
    },
  };
}

function createControls(actions: Actions) {
  const preset = make('select', { id: 'preset', onchange: () => actions.start({ preset: preset.value }) });
  for (const { name, title } of PRESETS) preset.append(make('option', { value: name }, title));
  const watch = make('p', { class: 'watch' });
  const line = make('progress', { max: String(PRESET_MS), 'aria-label': 'Time line: half an hour' });
  const steps = make('p', { class: 'small' });
  const time = make('output', { 'aria-label': 'Time since the start' });
  const play = make('button', { onclick: () => actions.play(play.getAttribute('aria-pressed') !== 'true') }, 'Play');
  const speed = make('input', {
    type: 'range',
    id: 'speed',
    min: '0',
    max: '100',
    oninput: () => actions.speed(Math.round(600 ** (Number(speed.value) / 100))),
  });
  const pace = make('output', { for: 'speed' });
  const seed = make('input', {
    type: 'number',
    id: 'seed',
    min: '1',
    max: '1000000',
    onchange: () => actions.start({ seed: Math.max(1, Math.floor(Number(seed.value)) || 1) }),
  });
  const permalink = make('a', { href: '#' }, 'Link to this');
  const switches = (Object.entries(SWITCH_TITLES) as [Switch, string][]).map(([name, title]) => {
    const button = make('button', { onclick: () => actions.toggle(name) }, title);
    return { name, button };
  });
  const acts = (Object.entries(ACTION_TITLES) as [Action, string][]).map(([action, title]) =>
    make('button', { class: 'act', onclick: () => actions.act(action) }, title),
  );
  const root = make(
    'section',
    { 'aria-label': 'What is played', class: 'controls' },
    make(
      'div',
      { class: 'row' },
      make('label', { for: 'preset' }, 'Story'),
      preset,
      make('label', { for: 'seed' }, 'Seed'),
      seed,
      permalink,
    ),
    watch,
    line,
    steps,
    make(
      'div',
      { class: 'row' },
      play,
      make('button', { onclick: () => actions.step() }, '10 s on'),
      make('button', { onclick: () => actions.start({}) }, 'From the start'),
      make('label', { for: 'speed' }, 'Speed'),
      speed,
      pace,
      time,
    ),
    make(
      'div',
      { class: 'row', role: 'group', 'aria-label': 'Switches' },
      ...switches.map(({ button }) => button),
      ...acts,
    ),
  );
  return {
    root,
    draw(link: Link, { preset: { title, watch: text, steps: planned }, on, nowMs }: Shown, isPlaying: boolean) {
      if (document.activeElement !== preset) preset.value = link.preset;
      if (document.activeElement !== seed) seed.value = String(link.seed);
      if (document.activeElement !== speed) speed.value = String((Math.log(link.speed) / Math.log(600)) * 100);
      write(watch, text);
      line.value = Math.min(nowMs, PRESET_MS);
      write(steps, planned.map(toldStep).join(' · '));
      write(pace, `${link.speed}×`);
      speed.setAttribute('aria-valuetext', `${link.speed} times as fast`);
      write(time, span(nowMs));
      play.setAttribute('aria-pressed', String(isPlaying));
      permalink.setAttribute('href', location.hash);
      document.title = `${title} · evertoken playground`;
      for (const { name, button } of switches) button.setAttribute('aria-pressed', String(on.has(name)));
    },
  };
}

function createScorecard() {
  const cells = LINES.map(({ key, title, meaning }) => {
    const [ours, theirs] = [make('td'), make('td')];
    const row = make('tr', {}, make('th', { scope: 'row' }, title, make('small', {}, meaning)), ours, theirs);
    return { key, row, ours, theirs };
  });
  const head = make(
    'tr',
    {},
    ...['Counted', 'evertoken', 'Hand-written interceptor'].map((text) => make('th', { scope: 'col' }, text)),
  );
  const table = make('table', {}, make('thead', {}, head), make('tbody', {}, ...cells.map(({ row }) => row)));
  return {
    root: make('section', { 'aria-labelledby': 'score' }, make('h2', { id: 'score' }, 'Scorecard'), table),
    draw(one: Run, other: Run) {
      for (const { key, ours, theirs } of cells) {
        write(ours, String(one.score[key]));
        write(theirs, String(other.score[key]));
        if (key !== 'accidents') continue;
        ours.className = one.score[key] > 0 ? 'bad' : '';
        theirs.className = other.score[key] > 0 ? 'bad' : '';
      }
    },
  };
}

function createTab(number: number, actions: Actions) {
  const state = make('p', { class: 'state' });
  const bar = make('div', { class: 'life' }, make('div'));
  const life = make('p', { class: 'small' });
  const other = make('p', { class: 'small' });
  let isFrozen = false;
  const freeze = make('button', { onclick: () => actions.freeze(number - 1, !isFrozen) }, 'Freeze');
  const root = make(
    'article',
    { 'aria-label': `Tab ${number}` },
    make('h3', {}, `Tab ${number}`),
    state,
    bar,
    life,
    other,
    make(
      'div',
      { class: 'row' },
      freeze,
      make('button', { onclick: () => actions.act('crash', number - 1) }, 'Crash'),
      make('button', { onclick: () => actions.act('signOut', number - 1) }, 'Sign out'),
    ),
  );
  return {
    root,
    draw(ours: Looks[number][number] | undefined, theirs: Look | undefined, now: number) {
      if (!ours) return;
      isFrozen = ours.state === 'frozen';
      freeze.setAttribute('aria-pressed', String(isFrozen));
      const word =
        ours.state !== 'running'
          ? ours.state
          : ours.isSignedIn
            ? ours.isRefreshing
              ? 'refreshing'
              : 'signed in'
            : 'signed out';
      root.className = `tab ${word.replace(' ', '-')}`;
      write(state, ours.trouble ? `${word}: ${ours.trouble}` : word);
      const { issuedAt = now, expiresAt = now } = ours;
      const left = Math.max(0, Math.min(1, (expiresAt - now) / Math.max(1, expiresAt - issuedAt)));
      (bar.firstElementChild as HTMLElement).style.inlineSize = `${left * 100}%`;
      write(
        life,
        ours.isSignedIn
          ? `access token: ${expiresAt > now ? `${span(expiresAt - now)} left` : 'expired'}`
          : 'no access token',
      );
      write(
        other,
        `interceptor: ${theirs?.isSignedIn ? (theirs.isRefreshing ? 'refreshing' : 'signed in') : 'signed out'}`,
      );
    },
  };
}

function createServerList(who: string) {
  const list = make('ol', { class: 'log', tabindex: '0', 'aria-label': `Requests of ${who}` });
  return {
    root: make('div', {}, make('h3', {}, who), list),
    draw: (sent: readonly Sent[]) =>
      drawLog(
        list,
        sent.filter(({ path, status }) => path !== '/api' || status !== 200),
        ({ at, tab, path, status }) => {
          const good = status === 200;
          return make(
            'li',
            { class: good ? '' : 'bad' },
            make('code', {}, timeOf(at)),
            ` tab ${tab + 1} ${path} `,
            make('b', {}, String(status ?? '…')),
          );
        },
      ),
  };
}

function createEvents() {
  const list = make('ol', { class: 'log events', tabindex: '0', 'aria-label': 'Events' });
  return {
    root: list,
    draw: (told: readonly Told[]) =>
      drawLog(list, told, ({ at, tab, type, sentence }) =>
        make(
          'li',
          {},
          make('code', {}, `${timeOf(at)} tab ${tab + 1}`),
          make('span', {}, sentence),
          make('small', {}, EXPLANATIONS[type] ?? ''),
        ),
      ),
  };
}

/** A step of a story, on its time line. */
function toldStep(step: Step): string {
  const what = 'act' in step ? ACTION_TITLES[step.act] : SWITCH_TITLES['on' in step ? step.on : step.off];
  return `minute ${step.atMs / 60_000}: ${what}${'off' in step ? ' is over' : ''}`;
}

/** Shows the last of a list, newest first; makes nothing anew that is there. */
function drawLog<T extends object>(list: HTMLElement, entries: readonly T[], draw: (entry: T) => HTMLElement): void {
  const shown = new Map([...list.children].map((item) => [(item as Keyed<T>).entry, item]));
  const items = [...entries]
    .reverse()
    .slice(0, 40)
    .map((entry) => {
      const before = shown.get(entry);
      const text = JSON.stringify(entry);
      if (before && (before as Keyed<T>).text === text) return before;
      return Object.assign(draw(entry), { entry, text });
    });
  if (items.length === list.childElementCount && items.every((item, index) => item === list.children[index])) return;
  list.replaceChildren(...items);
}

type Keyed<T> = Element & { entry?: T; text?: string };

/** The time of day in the story, which begins at nine. */
function timeOf(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}
