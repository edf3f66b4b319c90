// esbuild lets an entry import every chunk that holds code of it, also where another chunk brings that chunk along, so that
// what happens at import time happens in order. Nothing does here (`"sideEffects": false`), and tools that believe so warn
// about each such import.

/** An import of one of our own chunks that takes nothing from it, as a statement in an ES or a CommonJS module. */
const BARE_IMPORT = /(?:^|[;}])\s*(?:import ?|require\()["']\.\/chunk-[\w-]+\.c?js["']\)?;/;

/** Whether there is one in a built file. */
export function hasBareImport(code) {
  return code.split('\n').some((line) => BARE_IMPORT.test(line));
}

/** For tsup: takes them out, and their lines out of the source map. */
export function withoutBareImports() {
  return {
    name: 'without-bare-imports',
    renderChunk(code, info) {
      const lines = code.split('\n');
      const stays = lines.map((line) => !(line.startsWith('import') && BARE_IMPORT.test(line)));
      if (info.map) {
        const map = JSON.parse(info.map);
        const mappings = map.mappings.split(';');
        // A position is written as its distance from the one before: only a line that has none can go.
        if (mappings.some((positions, line) => positions && stays[line] === false))
          throw new Error(`${info.path}: expected imports without positions in the source map`);
        info.map = JSON.stringify({ ...map, mappings: mappings.filter((_, line) => stays[line] ?? true).join(';') });
      }
      return { code: lines.filter((_, line) => stays[line]).join('\n') };
    },
  };
}
