import { vi } from 'vitest';

/** Lets real work, such as a grant of Web Locks, come to an end, and then fake time pass. */
export async function pass(ms: number): Promise<void> {
  await rest();
  await vi.advanceTimersByTimeAsync(ms);
  await rest();
}

async function rest(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
}
