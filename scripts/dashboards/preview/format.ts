/** A value as a reader wants it: `0.3 s`, `99.9 %`, `12`; durations in the unit of `scale`. */
export function format(value: number, unit = 'short', scale = value): string {
  switch (unit) {
    case 's':
      return seconds(value, scale);
    case 'percentunit':
      return `${digits(value * 100)} %`;
    case 'reqps':
    case 'ops':
      return `${digits(value)}/s`;
    default:
      return value >= 10_000 ? `${digits(value / 1_000)}k` : digits(value);
  }
}

function seconds(value: number, scale: number): string {
  if (value === 0) return '0';
  if (scale < 1) return `${digits(value * 1_000)} ms`;
  if (scale < 120) return `${digits(value)} s`;
  return scale < 7_200 ? `${digits(value / 60)} min` : `${digits(value / 3_600)} h`;
}

/** Three digits that matter, without zeros at the end. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100)
    return Math.round(value) === 100 && value < 100 ? String(Math.floor(value * 100) / 100) : String(Math.round(value));
  return String(Number(value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)));
}

/** Text that is safe inside SVG. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A number of SVG: a tenth of a pixel is as fine as a screen shows. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Round numbers from 0 to a top: at least three, at most six; whole ones where things are counted. */
export function ticks(top: number, unit?: string): number[] {
  if (!(top > 0)) return [0];
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const round = power * ([1, 2, 2.5, 5].find((factor) => rough <= power * factor) ?? 10);
  // minutes rather than hundreds of seconds
  const long = unit === 's' && top >= 120 ? [60, 120, 300, 600, 1_800, 3_600].find((one) => rough <= one) : undefined;
  const step = long ?? (unit === 'short' ? Math.max(1, round) : round);
  const count = Math.floor(top / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}
