// One worker of the fleet; started by scenario.ts.
import { openPlace, type Place } from './place.js';

process.once('message', (place: Place) => void run(place));
process.on('disconnect', () => process.exit());

async function run(place: Place): Promise<void> {
  const { fleet, close } = openPlace(place);
  const end = new AbortController();
  process.once('SIGTERM', () => end.abort());
  process.send?.('ready');
  await fleet.run({ signal: end.signal });
  await close();
  process.disconnect();
}
