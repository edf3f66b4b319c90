import { PRESETS } from './presets.js';
import { SWITCHES, type Switch } from './run.js';

/** What a link to the playground says. */
export interface Link {
  readonly preset: string;
  readonly seed: number;
  readonly speed: number;
  /** Switches that are on from the start, besides what the preset does. */
  readonly on: readonly Switch[];
}

/** Reads the part of an address after `#`; what is missing or wrong gets its default. */
export function readLink(hash: string): Link {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const preset = given.get('preset') ?? '';
  const on = (given.get('on') ?? '').split(',');
  return {
    preset: PRESETS.some(({ name }) => name === preset) ? preset : 'calm',
    seed: whole(given.get('seed'), 1, 1_000_000, 1),
    speed: whole(given.get('speed'), 1, 600, 30),
    on: SWITCHES.filter((name) => on.includes(name)),
  };
}

/** The part of an address after `#`, with it. */
export function writeLink({ preset, seed, speed, on }: Link): string {
  const given = new URLSearchParams({ preset, seed: String(seed), speed: String(speed) });
  if (on.length > 0) given.set('on', on.join(','));
  return `#${given}`;
}

function whole(text: string | null, min: number, max: number, otherwise: number): number {
  const number = Number(text);
  return text !== null && Number.isInteger(number) && number >= min && number <= max ? number : otherwise;
}
