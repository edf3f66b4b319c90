import { expect, test, vi } from 'vitest';
import { systemClock } from '../../src/time/system-clock.js';

test('a clock that was made during one request keeps time in the next one, where the runtime binds a context to its request', async () => {
  // as workerd does
  const snapshot = () => () => {
    throw new Error(
      'Cannot call this AsyncLocalStorage bound function outside of the request in which it was created.',
    );
  };
  const { getBuiltinModule } = process;
  process.getBuiltinModule = (() => ({ AsyncLocalStorage: { snapshot } })) as unknown as typeof getBuiltinModule;
  const clock = systemClock();
  process.getBuiltinModule = getBuiltinModule;
  vi.useFakeTimers();
  try {
    const task = vi.fn();
    clock.after(50, task);
    const cancel = clock.after(50, () => task('cancelled'));
    cancel();
    vi.advanceTimersByTime(100);
    expect(task.mock.calls).toEqual([[]]);
  } finally {
    vi.useRealTimers();
  }
});
