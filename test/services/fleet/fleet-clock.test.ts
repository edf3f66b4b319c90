import { expect, test, vi } from 'vitest';
import { pause } from '../../../src/services/fleet/fleet-clock.js';
import { systemClock } from '../../../src/time/system-clock.js';

test('a pause of more than 24 days does not end at once', async () => {
  vi.useFakeTimers();
  try {
    const over = vi.fn();
    void pause(systemClock(), 30 * 86_400_000).then(over);
    await vi.advanceTimersByTimeAsync(24 * 86_400_000);
    expect(over).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});
