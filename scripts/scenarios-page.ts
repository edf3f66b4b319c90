// Writes into the documentation what the twelve scenarios are, and into each runbook how to practise it: `npm run docs:scenarios`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Scenario, wordsOf } from '../examples/game-days/scenario.js';
import { scenarios } from '../examples/game-days/scenarios.js';

const root = new URL('../', import.meta.url);
const MARK = /(<!-- scenarios -->\n\n)(?:\|.*\n)+/;

/** A page with the table of the scenarios in its marked place. */
export function withTable(text: string): string {
  const rows = scenarios.map(rowOf);
  const head = [
    '| Scenario | Injected | What users feel | Told meanwhile | Told afterwards |',
    '|---|---|---|---|---|',
  ];
  return text.replace(MARK, (_, mark: string) => `${mark}${[...head, ...rows].join('\n')}\n`);
}

function rowOf({ name, fault, felt, told, toldAfter = {} }: Scenario): string {
  const cells = [`\`${name}\``, fault.injected, felt, wordsOf(told), wordsOf(toldAfter)];
  return `| ${cells.join(' | ')} |`;
}

/** A runbook, by the name of its file without `.md`, with its last line: how to practise it. */
export function withPractice(runbook: string, text: string): string {
  const commands = scenarios
    .filter(({ runbooks }) => runbooks.includes(runbook))
    .map(({ name }) => `\`npm start -- --scenario ${name}\``);
  const how = `in a clone of the [repository](https://github.com/evertoken/evertoken): [game days](../observability.md#game-days)`;
  return `${text.replace(/\n\*\*Practise\.\*\*.*\n/, '').trimEnd()}\n\n**Practise.** ${commands.join(', ')}, ${how}.\n`;
}

if ((import.meta as { main?: boolean }).main) {
  const page = new URL('docs/observability.md', root);
  writeFileSync(page, withTable(readFileSync(page, 'utf8')));
  for (const file of readdirSync(new URL('docs/runbooks', root))) {
    const runbook = new URL(`docs/runbooks/${file}`, root);
    writeFileSync(runbook, withPractice(file.replace('.md', ''), readFileSync(runbook, 'utf8')));
  }
}
