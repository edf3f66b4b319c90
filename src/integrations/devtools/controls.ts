import type { TokenManager } from '../../manager/token-manager.js';
import { make } from './elements.js';
import type { Broken, Faults } from './faults.js';

const EIGHT_HOURS_MS = 28_800_000;

type Toggle = { [Part in keyof Broken]: readonly [Part, Exclude<Broken[Part], undefined>, string] }[keyof Broken];

const GROUPS: readonly (readonly [string, ...Toggle[]])[] = [
  ['Network', ['network', 'offline', 'Offline']],
  [
    'Next answer',
    ['answer', '503', '503'],
    ['answer', '429', '429'],
    ['answer', 'slow', 'Late'],
    ['answer', 'lost', 'Lost'],
    ['answer', 'dead', 'Grant over'],
  ],
  ['Storage', ['storage', 'full', 'Full'], ['storage', 'fails', 'Fails'], ['storage', 'hangs', 'Hangs']],
  ['Lock', ['lock', 'held', 'Held by another'], ['lock', 'lost', 'Taken away']],
];

/** The buttons that break things; `draw` shows what is broken now. */
export function createControls(tokens: TokenManager, faults: Faults): { root: HTMLElement; draw(): void } {
  const toggles: { button: HTMLButtonElement; isOn: () => boolean }[] = [];
  const draw = () => {
    for (const { button, isOn } of toggles) button.setAttribute('aria-pressed', String(isOn()));
    expire.disabled = leftMs(tokens, faults) === undefined;
  };
  const groups = GROUPS.map(([legend, ...faultsOf]) => {
    const buttons = faultsOf.map(([part, fault, label]) => {
      const isOn = () => faults.broken[part] === fault;
      const button = make('button', { onclick: () => faults.set(part, isOn() ? undefined : fault) }, label);
      toggles.push({ button, isOn });
      return button;
    });
    return group(legend, ...buttons);
  });
  const jump = (ms: () => number, label: string) => make('button', { onclick: () => faults.jump(ms()) }, label);
  const expire = jump(() => leftMs(tokens, faults) ?? 0, 'Expire now');
  groups.push(
    group(
      'Clock',
      expire,
      jump(() => EIGHT_HOURS_MS, 'Sleep 8 hours'),
      jump(() => -faults.clockOffsetMs, 'Set right'),
    ),
  );
  draw();
  return { root: make('div', {}, ...groups), draw };
}

/** How far the clock has to jump so that the access token has just expired; undefined where nothing can expire. */
function leftMs(tokens: TokenManager, faults: Faults): number | undefined {
  const { expiresAt } = tokens.getSnapshot();
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - faults.now() + 1);
}

function group(legend: string, ...buttons: HTMLElement[]): HTMLElement {
  return make(
    'div',
    { class: 'faults', role: 'group', 'aria-label': legend },
    make('span', {}, legend),
    make('div', { class: 'row' }, ...buttons),
  );
}
