import { startFleet } from './fleet.js';
import { missingPrograms, startMonitoring } from './monitoring.js';
import { patientClock } from './patient-clock.js';
import { play } from './play.js';
import { findScenario } from './scenarios.js';
import { createView, listScenarios } from './view.js';

/** Plays one scenario in the terminal, or lists them; resolves with the exit code. */
export async function runGameDay(name: string | undefined): Promise<number> {
  if (name === undefined) {
    listScenarios();
    return 0;
  }
  const scenario = findScenario(name);
  const clock = patientClock();
  const fleet = startFleet(clock);
  const target = () => (fleet.isScraped ? fleet.scrape() : undefined);
  const monitoring = missingPrograms().length === 0 ? await startMonitoring({ [name]: target }) : undefined;
  const leave = () => process.exit(130); // the programs end with this process
  process.once('SIGINT', leave);
  const view = createView(scenario, fleet, monitoring);
  try {
    const isRight = view.stop(await play({ scenario, fleet, monitoring, onPhase: view.phase }));
    return isRight ? 0 : 1;
  } finally {
    process.off('SIGINT', leave);
    await monitoring?.stop();
    await fleet.end();
    clock.stop();
  }
}
