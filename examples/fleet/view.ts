import { stdout } from 'node:process';
import type { EndedSession, FleetSnapshot } from 'evertoken/fleet';
import { LANES } from './settings.js';

/** Draws the lanes, over and over in a terminal, once every ten seconds elsewhere. */
export interface View {
  draw(second: number, snapshot: FleetSnapshot, ended: readonly EndedSession[], notes: readonly string[]): void;
}

const WIDTH = 30;

export function createView(): View {
  const isTerminal = stdout.isTTY === true && !process.env.CI;
  let height = 0;
  return {
    draw(second, snapshot, ended, notes) {
      if (!isTerminal && second % 10 !== 0) return;
      const lines = [
        `${String(second).padStart(3)} s  lane    sessions    due  overdue  oldest  a second  in flight  attention`,
        ...LANES.map((lane) => row(lane, snapshot)),
        `       ended ${ended.length}${ended.length > 0 ? `, the first ${ended[0]?.key} (${ended[0]?.reason})` : ''}`,
        ...notes.slice(-4).map((note) => `       ${note}`),
      ];
      if (isTerminal && height > 0) stdout.write(`\u001b[${height}A\u001b[0J`);
      height = lines.length;
      stdout.write(`${lines.join('\n')}\n`);
    },
  };
}

function row(lane: string, { lanes }: FleetSnapshot): string {
  const {
    total = 0,
    due = 0,
    overdue = 0,
    oldestOverdueMs = 0,
    inFlight = 0,
    perSecond = 0,
    attention = 0,
    paused,
  } = lanes[lane] ?? {};
  const numbers = [
    String(total).padStart(8),
    String(due).padStart(7),
    String(overdue).padStart(9),
    `${(oldestOverdueMs / 1_000).toFixed(1)} s`.padStart(8),
    perSecond.toFixed(0).padStart(10),
    String(inFlight).padStart(11),
    String(attention).padStart(11),
  ];
  const bar = '#'.repeat(Math.min(WIDTH, Math.ceil((due / Math.max(1, total)) * WIDTH * 3)));
  const state = paused && paused.reason !== 'resumed' ? ` ${paused.reason}` : '';
  return `       ${lane.padEnd(6)}${numbers.join('')}  ${bar}${state}`;
}
