// What the stories of the playground come to, beside the interceptor that everybody writes: a table of the README.
import { evertokenClient } from '../playground/evertoken.js';
import { interceptorClient } from '../playground/interceptor.js';
import { PRESETS, play } from '../playground/presets.js';
import { createRun, type Score } from '../playground/run.js';

/** The stories that the table tells, by their names in the playground. */
const STORIES = ['calm', 'outage', 'busy', 'slow', 'lost-strict'];
const SEED = 1;

/** Half an hour of four tabs in each story, on a fake clock: the same table every time. */
export async function interceptorTable(): Promise<string> {
  const rows: string[] = [
    '| Four tabs, half an hour | signed out by accident | calls that had to wait |',
    '|---|---:|---:|',
  ];
  for (const preset of PRESETS.filter(({ name }) => STORIES.includes(name))) {
    const [ours, theirs] = await Promise.all(
      [evertokenClient, interceptorClient].map(async (client): Promise<Score> => {
        const run = createRun(SEED, client);
        await play(run, preset);
        return run.score;
      }),
    );
    rows.push(
      `| ${preset.title} | **${ours?.accidents}**, interceptor ${theirs?.accidents} | **${ours?.waited}**, interceptor ${theirs?.waited} |`,
    );
  }
  return rows.join('\n');
}
