/**
 * The path of an address in the application, or undefined for anything that could lead elsewhere.
 *
 * Takes a path, or an address of the page's own origin. What parsers may rewrite (backslashes, blanks, dots between
 * slashes, a second slash) is refused rather than read.
 */
export function readReturnTo(given: string | undefined): string | undefined {
  if (typeof given !== 'string' || given.length > 2_000) return undefined;
  const { location } = globalThis as { location?: { origin?: string } };
  const origin = location?.origin;
  const path = origin && given.startsWith(`${origin}/`) ? given.slice(origin.length) : given;
  const [route = ''] = path.split(/[?#]/);
  const isPath = /^\/(?!\/)[!-~\u00a1-\uffff]*$/.test(path) && !path.includes('\\');
  return isPath && !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(route) ? path : undefined;
}
