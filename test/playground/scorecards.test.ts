import { describe, expect, test } from 'vitest';
import { evertokenClient } from '../../playground/evertoken.js';
import { interceptorClient } from '../../playground/interceptor.js';
import { PRESETS, play } from '../../playground/presets.js';
import { createRun, type Score } from '../../playground/run.js';

test.each(PRESETS.map((preset) => [preset.name, preset] as const))('%s', async (_, preset) => {
  for (const [name, make] of [
    ['evertoken', evertokenClient],
    ['interceptor', interceptorClient],
  ] as const) {
    const run = createRun(1, make);
    await play(run, preset);
    console.log(preset.name, name, JSON.stringify(run.score));
  }
});
