import type { SessionSnapshot } from '../../manager/token-manager.js';
import { stateSentence } from '../event-sentences.js';
import type { Faults } from './faults.js';
import { type Journal, sentenceOf } from './journal.js';

/** What one can paste into an issue: no id, no claim, no scope. */
export function reportOf(session: SessionSnapshot, journal: Journal, faults: Faults | undefined): string {
  const broken = Object.entries(faults?.broken ?? {}).flatMap(([part, fault]) => (fault ? [`${part}: ${fault}`] : []));
  const offset = faults?.clockOffsetMs ? [`clock: ${faults.clockOffsetMs} ms`] : [];
  return [
    'evertoken devtools',
    stateSentence(session),
    `Broken by the devtools: ${[...broken, ...offset].join(', ') || 'nothing'}.`,
    `The last ${journal.entries.length} of ${journal.count} events:`,
    ...journal.entries.map((entry) => `${new Date(entry.event.at).toISOString()} ${entry.type}: ${sentenceOf(entry)}`),
  ].join('\n');
}
