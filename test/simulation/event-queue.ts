/** Something that will happen. */
export interface Happening {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What happens next: by time, and in the order of asking where times are equal. */
export interface EventQueue {
  add(at: number, run: () => void): Happening;
  /** The next one that was not cancelled. */
  next(): Happening | undefined;
}

/** A binary heap; a happening is cancelled by taking its `run` away. */
export function createEventQueue(): EventQueue {
  const heap: Happening[] = [];
  let count = 0;

  const get = (index: number) => heap[index] as Happening;
  const isBefore = (a: Happening, b: Happening) => a.at < b.at || (a.at === b.at && a.order < b.order);

  function rise(happening: Happening): void {
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(happening, get(parent))) break;
      heap[index] = get(parent);
      index = parent;
    }
    heap[index] = happening;
  }

  function sink(happening: Happening): void {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(get(child + 1), get(child))) child++;
      if (!isBefore(get(child), happening)) break;
      heap[index] = get(child);
      index = child;
    }
    heap[index] = happening;
  }

  function take(): Happening | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (last && heap.length > 0) sink(last);
    return first;
  }

  return {
    add: (at, run) => {
      const happening = { at, order: count++, run };
      rise(happening);
      return happening;
    },
    next: () => {
      for (let first = take(); first; first = take()) if (first.run) return first;
      return undefined;
    },
  };
}
