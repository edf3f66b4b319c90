import type { NgZone } from '@angular/core';
import type { Platform } from 'evertoken';

/** With zone.js: timers of the session neither keep the application unstable nor make Angular look for changes. */
export function outsideZone(platform: Platform, zone: Pick<NgZone, 'runOutsideAngular'>): Platform {
  const { clock } = platform;
  const after: typeof clock.after = (delayMs, task, options) =>
    zone.runOutsideAngular(() => clock.after(delayMs, task, options));
  return { ...platform, clock: { now: () => clock.now(), after } };
}
