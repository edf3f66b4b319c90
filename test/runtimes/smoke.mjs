// Node, Bun and Deno run this as it is.
import { concurrency, smoke } from './scenario.mjs';

await smoke();
console.log(JSON.stringify(await concurrency()));
