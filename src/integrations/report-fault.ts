/** Tells of a fault that is the application's own, of a listener say, where the platform tells of such things. */
export function reportFault(error: unknown): void {
  const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void };
  reportError(error);
}
