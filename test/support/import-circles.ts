import { posix } from 'node:path';

/** Paths of files, and the specifiers that each imports, as written. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/**
 * The circles of imports, each as the files that one passes, from the first in the alphabet back to it.
 *
 * Files that are part of several circles are reported in one of them; there are none only if there is no circle.
 */
export function findCircles(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push(fromFirst(path.slice(start)));
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const specifier of graph.get(file) ?? []) {
      const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
      if (specifier.startsWith('.') && graph.has(target)) visit(target);
    }
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
}

function fromFirst(circle: readonly string[]): string[] {
  const [first = ''] = [...circle].sort();
  const at = circle.indexOf(first);
  return [...circle.slice(at), ...circle.slice(0, at), first];
}
