// Ratios that a noisy machine leaves alone: both sides run in turns within every round, and the median of the rounds'
// own ratios counts, so that whatever slows the machine down slows both.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Nanoseconds that one call takes, each call awaited before the next. */
async function timePerCall(call, times) {
  const began = process.hrtime.bigint();
  for (let n = 0; n < times; n++) await call();
  return Number(process.hrtime.bigint() - began) / times;
}

/** Compares two ways of doing the same: `{ ours, theirs, ratio }`, times in nanoseconds per call. */
export async function compare({ ours, theirs, times, rounds = 41, warmUp = 5 }) {
  const samples = [];
  for (let round = -warmUp; round < rounds; round++) {
    const oursFirst = round % 2 === 0;
    const first = await timePerCall(oursFirst ? ours : theirs, times);
    const second = await timePerCall(oursFirst ? theirs : ours, times);
    if (round >= 0) samples.push(oursFirst ? { ours: first, theirs: second } : { ours: second, theirs: first });
  }
  return {
    ours: median(samples.map((sample) => sample.ours)),
    theirs: median(samples.map((sample) => sample.theirs)),
    ratio: median(samples.map((sample) => sample.ours / sample.theirs)),
  };
}

/** Measures again, up to nine times in all, while the ratio is above its bound; the best one counts. */
export async function bestOf(bound, measure) {
  let best;
  for (let attempt = 0; attempt < 9; attempt++) {
    const result = await measure();
    if (!best || result.ratio < best.ratio) best = result;
    if (best.ratio <= bound) break;
  }
  return best;
}
