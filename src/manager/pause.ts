import { mayRetry } from '../core/backoff.js';
import type { Settings } from './options.js';

/** Whether the server may be asked as far as this pause, if there is one, is concerned. */
export function isPauseOver({ platform, retry }: Settings, pause: Parameters<typeof mayRetry>[0] | undefined): boolean {
  return !pause || mayRetry(pause, platform.clock.now(), retry);
}
