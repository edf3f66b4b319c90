/** What was written to the console since the present test began. */
export const consoleCalls: unknown[][] = [];

for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) {
  const original = console[name].bind(console);
  console[name] = (...values: unknown[]) => {
    consoleCalls.push(values);
    original(...values);
  };
}
