import { checkOption, fail } from './options.js';

/** Throws `OptionsError` for what are no options of a call, with what came and what to write instead. */
export function checkCall(options: unknown, other?: 'minValidityMs' | 'challenge'): void {
  if (options === undefined) return;
  const names = ['signal', other].filter(Boolean).join(', ');
  if (Object(options) !== options || 'aborted' in (options as object)) fail('options', `{ ${names} }`, options);
  for (const [name, value] of Object.entries(options as object)) {
    if (value === undefined) continue;
    if (name !== 'signal' && name !== other) fail(name, `one of ${names}`, value);
    // null: as `fetch` takes it
    if (name === 'signal' && value !== null) checkOption('signal.addEventListener', value.addEventListener, 'function');
    if (name === 'minValidityMs' && !(typeof value === 'number' && value >= 0))
      fail(name, 'a number of at least 0', value);
  }
}
