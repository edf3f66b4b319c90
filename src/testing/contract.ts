import { createTurn } from './settle.js';

/** One promise of a contract, to be kept by whatever implements a port. */
export interface ContractCheck {
  /** The promise in plain words; fits as the name of a test. */
  readonly name: string;
  /** Resolves when the promise is kept, rejects with an `Error` that says what was expected and what came. */
  readonly run: () => Promise<void>;
}

/** Options of every contract. */
export interface ContractOptions {
  /** How long one check may take, in real milliseconds, before it fails. Default 4 000. */
  boundMs?: number;
}

/** What every factory can give besides the thing itself. */
export interface UnderTest {
  /** Called after the check, whether it failed or not. */
  cleanup?: () => unknown;
}

/** A factory: gives a fresh instance for each check. */
export type Make<Subject> = () => Subject | Promise<Subject>;

/** One line of a contract: a name and what has to hold. */
export type Promises<Subject> = Readonly<Record<string, (subject: Subject, key: string) => Promise<void>>>;

/**
 * Runs the checks of a contract one after the other, for those who have no test runner.
 *
 * Rejects with an `AggregateError` that names every check that failed; resolves to the number of checks.
 *
 * @example
 * await runContract(storageContract(() => ({ storage: myStorage() })));
 */
export async function runContract(checks: Iterable<ContractCheck>): Promise<number> {
  const errors: Error[] = [];
  let count = 0;
  for (const { name, run } of checks) {
    count++;
    await run().catch((error: unknown) => {
      errors.push(new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
    });
  }
  if (errors.length === 0) return count;
  const list = errors.map(({ message }) => `\n- ${message}`).join('');
  throw new AggregateError(errors, `${errors.length} of ${count} checks failed:${list}`);
}

/** Makes checks of promises: each has an instance and a key of its own, is bounded, and cleans up. */
export function createChecks<Subject extends UnderTest>(
  make: Make<Subject>,
  promises: Promises<Subject>,
  { boundMs = 4_000 }: ContractOptions,
): ContractCheck[] {
  return Object.entries(promises).map(([name, promise]) => ({
    name,
    run: async () => {
      const subject = await make();
      const key = `evertoken:contract-${Math.random().toString(36).slice(2)}`;
      try {
        await within(boundMs, promise(subject, key), 'the check to end; something it waits for never came');
      } finally {
        await subject.cleanup?.();
      }
    },
  }));
}

/** Settles as the promise does, or rejects when that takes too long. */
async function within<T>(boundMs: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Expected ${what}, within ${boundMs} ms.`)), boundMs);
  });
  return Promise.race([promise, bound]).finally(() => clearTimeout(timer));
}

/** Marks a promise as awaited later, so that a rejection before that is not reported as unhandled. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Polls until a condition holds; stops after ten seconds, long after the check itself has timed out. */
export async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    if (looks > 5_000) throw new Error('Expected a condition to hold at last.');
    await sleep(2);
  }
}

/** Waits in real time, to let other work proceed; no check may depend on the exact duration. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Lets the event loop turn so many times. */
export async function turns(count: number): Promise<void> {
  const turn = createTurn();
  for (let index = 0; index < count; index++) await turn();
}

/** Throws unless the two values are the same. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (!Object.is(actual, expected)) throw new Error(`Expected ${what} to be ${show(expected)}, got ${show(actual)}.`);
}

/** Throws unless the promise rejects; returns what it rejected with. */
export async function refused(work: () => unknown, what: string): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error(`Expected ${what} to be refused, but it was not.`);
}

function show(value: unknown): string {
  if (value instanceof Error) return `${value.name} ${JSON.stringify(value.message)}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}... (${text.length} characters)` : text;
}
