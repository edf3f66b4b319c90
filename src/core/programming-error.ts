// The messages of V8, SpiderMonkey, JavaScriptCore and Hermes for mistakes in code and wrong arguments of fetch. A network
// failure is a TypeError too, and Safari translates its message: a message that is not listed here counts as the network.
const MISTAKE =
  /\b(undefined|null|not an?|not iterable|assignment|illegal|invalid url|unusable|disturbed)\b|failed to (execute|parse)|consumed/i;

/** Whether a thrown error was caused by a mistake in code, and not by the network. */
export function isProgrammingError({ name, message }: { readonly name: string; readonly message: string }): boolean {
  return /^(Reference|Range)Error$/.test(name) || (name === 'TypeError' && MISTAKE.test(message));
}
