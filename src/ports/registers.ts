/**
 * Small values that every tab sees at once: reading never shows less than the newest change that was reported done.
 *
 * Resolves to the value under the key, `undefined` where there is none. With `change`, replaces it by what that returns
 * (`undefined` removes it) in one atomic step, and resolves to the value before. While `change` runs, no other
 * caller can read or change the key; it must be synchronous, and what it throws leaves the value alone and rejects the promise.
 */
export type Registers = <T>(key: string, change?: (value: T | undefined) => T | undefined) => Promise<T | undefined>;
