// Writes the dashboards of ops/grafana: `npm run dashboards`.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { boardOf } from './dashboards/board.js';
import { debug } from './dashboards/debug.js';
import { executive } from './dashboards/executive.js';
import { onCall } from './dashboards/on-call.js';

const root = new URL('../', import.meta.url);
const boards = { executive, 'on-call': onCall, debug };

/** The text of each file of ops/grafana, by name. */
export async function dashboardFiles(): Promise<Record<string, string>> {
  const rules = await readFile(new URL('ops/prometheus/evertoken.rules.yml', root), 'utf8');
  const runbooks = new Map(
    [...rules.matchAll(/- alert: (\w+)[\s\S]*?runbook: (\S+)/g)].map(([, alert = '', url = '']) => [alert, url]),
  );
  return Object.fromEntries(
    Object.entries(boards).map(([name, spec]) => [
      `${name}.json`,
      `${JSON.stringify(boardOf(spec, Object.values(boards), runbooks), null, 2)}\n`,
    ]),
  );
}

if ((import.meta as { main?: boolean }).main) {
  await mkdir(new URL('ops/grafana', root), { recursive: true });
  for (const [name, text] of Object.entries(await dashboardFiles())) {
    await writeFile(new URL(`ops/grafana/${name}`, root), text);
  }
}
