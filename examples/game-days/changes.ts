// What a healthy application does all the time.
const OTHERS = /refresh_ends|storage_operation|lock_wait|token_lifetime|refresh_interval|session_(starts|count)/;
const WELL =
  /outcome="refreshed".*reason="due"|outcome="dropped"|status_code="200"|end_reason="ended"|^revocation_duration_count$/;

/** What has grown out of the ordinary between two texts of Prometheus's format: `+12 refresh_duration_count{…}`, the most first. */
export function changesOf(before: string, now: string, most: number): readonly string[] {
  const old = read(before);
  return [...read(now)]
    .map(([series, value]) => ({ series, more: value - (old.get(series) ?? 0) }))
    .filter(({ more }) => more > 0)
    .sort((one, other) => other.more - one.more)
    .slice(0, most)
    .map(({ series, more }) => `+${more} ${series}`);
}

/** How often something happened, by series. */
function read(text: string): ReadonlyMap<string, number> {
  const found = text.matchAll(/^evertoken_(\w+_(?:count|total)(?:\{.*\})?) (\d+)$/gm);
  return new Map(
    [...found]
      .map(([, series = '', value]) => [shorten(series), Number(value)] as const)
      .filter(([series]) => !OTHERS.test(series) && !WELL.test(series)),
  );
}

function shorten(series: string): string {
  return series
    .replace(/,?otel_scope_name="\w*"/, '')
    .replaceAll(/evertoken_|http_response_/g, '')
    .replace('{}', '');
}
