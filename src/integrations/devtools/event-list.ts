import { make, timeOf, write } from './elements.js';
import { type Journal, sentenceOf } from './journal.js';

/** The events, newest first, with a filter by their type. */
export function createEventList(journal: Journal): { root: HTMLElement; draw(): void } {
  const list = make('ol', { tabindex: '0', 'aria-label': 'Events, newest first' });
  const every = make('option', { value: '' }, 'all events');
  const filter = make('select', { 'aria-label': 'Show', onchange: () => redraw() }, every);
  const count = make('span', { class: 'small' });
  const types = new Set<string>();
  let drawn = 0;

  function redraw(): void {
    list.replaceChildren();
    drawn = 0;
    draw();
  }

  function draw(): void {
    const { entries } = journal;
    const first = entries[0]?.number ?? 0;
    for (const entry of entries) {
      if (entry.number <= drawn) continue;
      if (!types.has(entry.type)) filter.append(make('option', { value: entry.type }, entry.type));
      types.add(entry.type);
      if (filter.value && filter.value !== entry.type) continue;
      const time = timeOf(entry.event.at);
      const item = make('li', { 'data-number': String(entry.number) });
      item.append(make('code', {}, `${time} ${entry.type}`), make('br'), sentenceOf(entry));
      list.prepend(item);
    }
    drawn = journal.count;
    while (Number((list.lastElementChild as HTMLElement | null)?.dataset.number ?? first) < first)
      list.lastElementChild?.remove();
    const shown = list.childElementCount;
    write(count, `${shown} of ${journal.count}`);
  }

  const root = make('div', {}, make('div', { class: 'row' }, make('h3', {}, 'Events'), filter, count), list);
  return { root, draw };
}
