// How the engines word mistakes in code (V8, SpiderMonkey, JavaScriptCore, Hermes) and wrong arguments of fetch. Networks
// fail with a TypeError as well, which Safari words in the language of the user: what is not known here is the network.
const MISTAKE =
  /\b(undefined|null|not an?|not iterable|assignment|illegal|invalid url|unusable|disturbed)\b|failed to (execute|parse)|consumed/i;

/** Whether a thrown error tells of a mistake in the code that threw it, and not of the network. */
export function isProgrammingError({ name, message }: { readonly name: string; readonly message: string }): boolean {
  return /^(Reference|Range)Error$/.test(name) || (name === 'TypeError' && MISTAKE.test(message));
}
