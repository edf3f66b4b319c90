import type { Registers } from '../../../src/ports/registers.js';

/** Registers in memory, atomic as the port demands; `values` is what they hold. */
export function memoryRegisters(): { registers: Registers; values: Map<string, unknown> } {
  const values = new Map<string, unknown>();
  const registers = async <T>(
    key: string,
    change?: (value: T | undefined) => T | undefined,
  ): Promise<T | undefined> => {
    const before = values.get(key) as T | undefined;
    if (!change) return structuredClone(before);
    const after = change(structuredClone(before));
    if (after === undefined) values.delete(key);
    else values.set(key, structuredClone(after));
    return before;
  };
  return { registers, values };
}
