/** A queue by priority: the lowest number comes first. */
export interface Heap<T> {
  readonly size: number;
  push(priority: number, item: T): void;
  /** The first item and its priority, left in place. */
  peek(): { readonly priority: number; readonly item: T } | undefined;
  pop(): T | undefined;
  /** All items, in no order. */
  items(): Iterable<T>;
}

/** A binary heap. */
export function createHeap<T>(): Heap<T> {
  const nodes: { readonly priority: number; readonly item: T }[] = [];

  function swap(a: number, b: number): void {
    const node = nodes[a] as (typeof nodes)[0];
    nodes[a] = nodes[b] as (typeof nodes)[0];
    nodes[b] = node;
  }

  const priorityAt = (index: number) => nodes[index]?.priority ?? Number.POSITIVE_INFINITY;

  function sink(from: number): void {
    for (let index = from; ; ) {
      const left = 2 * index + 1;
      const least = priorityAt(left) <= priorityAt(left + 1) ? left : left + 1;
      if (least >= nodes.length || priorityAt(least) >= priorityAt(index)) return;
      swap(index, least);
      index = least;
    }
  }

  return {
    get size() {
      return nodes.length;
    },
    push(priority, item) {
      nodes.push({ priority, item });
      for (let index = nodes.length - 1; index > 0; ) {
        const parent = (index - 1) >> 1;
        if (priorityAt(parent) <= priority) return;
        swap(index, parent);
        index = parent;
      }
    },
    peek: () => nodes[0],
    *items() {
      for (const { item } of nodes) yield item;
    },
    pop() {
      const first = nodes[0];
      const last = nodes.pop();
      if (last && nodes.length > 0) {
        nodes[0] = last;
        sink(0);
      }
      return first?.item;
    },
  };
}
