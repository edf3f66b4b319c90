/** What the runtimes of servers have, and pages and their workers have not. */
interface Runtime {
  readonly document?: unknown;
  readonly window?: unknown;
  readonly WorkerGlobalScope?: unknown;
  readonly Deno?: unknown;
  readonly Bun?: unknown;
  readonly EdgeRuntime?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: { readonly node?: string; readonly electron?: string } };
}

/** Tells a server, on which all visitors share what is in memory, from a page, its workers, and a page that is simulated. */
export function isServer(): boolean {
  const { document, window, WorkerGlobalScope, Deno, Bun, EdgeRuntime, navigator, process } = globalThis as Runtime;
  if (document !== undefined) return false; // a simulated page as well
  if (Deno ?? Bun ?? EdgeRuntime ?? (navigator?.userAgent === 'Cloudflare-Workers' || undefined)) return true;
  if (window !== undefined || process?.versions?.electron !== undefined) return false;
  return WorkerGlobalScope === undefined || process?.versions?.node !== undefined;
}
