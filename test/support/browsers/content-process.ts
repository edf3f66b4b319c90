import { readdirSync, readFileSync } from 'node:fs';

interface ProcessTime {
  readonly parent: number;
  /** Ticks of the processor that it has used. */
  readonly ticks: number;
}

/** Finds the process that runs a tab: among the browser's, the one that is busy while the tab is. */
export async function findContentProcess(browser: number, keepBusy: (ms: number) => Promise<unknown>): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const before = descendants(browser);
    await keepBusy(250);
    const used = [...descendants(browser)]
      .map(([id, { ticks }]) => ({ id, ticks: ticks - (before.get(id)?.ticks ?? 0) }))
      .sort((one, other) => other.ticks - one.ticks);
    const [first, second] = used;
    if (first && first.id !== browser && first.ticks > 1.5 * (second?.ticks ?? 0)) return first.id;
  }
  throw new Error('No process of the browser was busy while the tab was.');
}

function descendants(root: number): Map<number, ProcessTime> {
  const all = new Map<number, ProcessTime>();
  for (const name of readdirSync('/proc')) {
    const entry = /^\d+$/.test(name) && readProcess(name);
    if (entry) all.set(Number(name), entry);
  }
  const belongs = (id: number): boolean => id === root || (all.has(id) && belongs(all.get(id)?.parent ?? 0));
  return new Map([...all].filter(([id]) => belongs(id)));
}

function readProcess(id: string): ProcessTime | undefined {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined; // it has ended meanwhile
  }
}
