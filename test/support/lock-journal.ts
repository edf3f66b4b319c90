import { expect } from 'vitest';

/**
 * Reads what processes wrote while they held a lock, in the order in which they wrote it: `enter <pid> <fence>`,
 * `leave <pid> <fence>`, and `killing <pid>` by whoever was about to kill one.
 *
 * Expects that nobody enters before the other left or was killed, and that the fence grows.
 */
export function replayJournal(journal: string): { grants: number; takeovers: number } {
  let holder: string | undefined;
  let lastFence = 0;
  let [grants, takeovers] = [0, 0];
  const killed = new Set<string>();
  for (const line of journal.trim().split('\n')) {
    const [event = '', pid = '', fence = ''] = line.split(' ');
    if (event === 'killing') killed.add(pid);
    if (event === 'leave') {
      expect(holder).toBe(pid);
      holder = undefined;
    }
    if (event === 'enter') {
      grants++;
      if (holder !== undefined) {
        expect(killed).toContain(holder);
        takeovers++;
      }
      expect(Number(fence)).toBeGreaterThan(lastFence);
      lastFence = Number(fence);
      holder = pid;
    }
  }
  return { grants, takeovers };
}
