import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { type Engine, engines } from '../../support/browsers/engines.js';
import type { LaunchOptions, TabBrowser } from '../../support/browsers/tab-browser.js';
import { createWorld, type Query, type SpaWorld, type WorldOptions } from './spa-world.js';

/** What the tests of one browser are given. */
export interface Stage {
  readonly engine: Engine['name'];
  /** The page in so many tabs; closed after the test. */
  play(count: number, query?: Query, options?: WorldOptions): Promise<SpaWorld>;
}

/** Set for runs that take their time: more rounds, longer. */
export const isLong: boolean = Boolean(process.env.TABS_LONG);

/** Defines tests in each browser that is there, which is started once for all of them. */
export function inEveryBrowser(define: (stage: Stage) => void, options: LaunchOptions = {}): void {
  describe.each(engines)('$name', ({ name, launch }) => {
    let browser: TabBrowser;
    const worlds: SpaWorld[] = [];
    beforeAll(async () => {
      browser = await launch(options);
    });
    afterEach(async () => {
      for (const world of worlds.splice(0)) await world.close();
    });
    afterAll(() => browser?.close());
    define({
      engine: name,
      async play(count, query, worldOptions) {
        const world = await createWorld(browser, count, query, worldOptions);
        worlds.push(world);
        return world;
      },
    });
  });
}
