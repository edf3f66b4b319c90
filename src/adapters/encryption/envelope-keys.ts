import { OptionsError } from '../../errors.js';
import { fromBase64, toBase64 } from '../../sealing/base64.js';
import { importSealingKey } from '../../sealing/sealing-key.js';
import { checkOptions } from '../parts/check-options.js';
import { checkKeyId } from './key-id.js';
import type { KeyRing, RingKey } from './key-ring.js';

/** What is asked of a key management service: to encrypt and decrypt 32 bytes under a key that never leaves it. */
export interface KmsLike {
  /** Names the key that wraps now, such as `'kms-2026'`; stored with every value. Default `'kms'`. */
  readonly id?: string;
  /** Encrypts a data key; `context` is to be authenticated with it where the service can. */
  wrap(dataKey: Uint8Array, context: string): Promise<Uint8Array>;
  /** Decrypts a data key that this service has wrapped, under whichever of its keys. */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
}

/** See {@link envelopeKeys}. */
export interface EnvelopeOptions {
  /** Milliseconds after which this process makes a new data key. Default 3 600 000. */
  renewMs?: number;
  /** Milliseconds after which a data key is forgotten, and the service asked again. Default: never. */
  keepMs?: number;
  /** How many data keys are kept in memory, those used last. Default 1 000. */
  atHand?: number;
  /** What the service authenticates with every data key. Default `'evertoken'`. */
  context?: string;
}

/** As long as the manager waits for a storage: an older call is taken for lost, and made once more. */
const CALL_LIMIT_MS = 5_000;
const KEY_BYTES = 32;

/**
 * Data keys that a key management service wraps: one a process and hour, stored with each value that it seals.
 *
 * The service is asked once for each data key and process. While it is away, a process goes on with the keys that it
 * has; what needs another one is a `StorageError` that can be tried again. When a data key is due for renewal, the next
 * value is still sealed with it while the new one is made.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says what came and what to write instead
 */
export function envelopeKeys(kms: KmsLike, options: EnvelopeOptions = {}): KeyRing {
  const { id, renewMs, keepMs, atHand, context } = settingsOf(kms, options);
  const opened = new Map<string, Call<CryptoKey>>();
  let present: Call<RingKey> | undefined;
  let coming: Call<RingKey> | undefined;

  function keep(wrapped: string, call: Call<CryptoKey>): void {
    opened.delete(wrapped); // the order is that of the last use
    opened.set(wrapped, call);
    for (const [oldest] of opened) if (opened.size > atHand) opened.delete(oldest);
  }

  async function make(): Promise<RingKey> {
    const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    const key = await importSealingKey(bytes);
    const answer = await kms.wrap(bytes, context);
    bytes.fill(0);
    // what nobody can unwrap must not be sealed with
    if (!(answer instanceof Uint8Array && answer.byteLength > 0)) throw withCode('NO_WRAPPED_KEY');
    const wrapped = toBase64(answer);
    const known = called(Promise.resolve(key));
    known.isDone = true;
    keep(wrapped, known);
    return { id, key, wrapped };
  }

  async function open(wrapped: string): Promise<CryptoKey> {
    const bytes = await kms.unwrap(fromBase64(wrapped), context);
    if (bytes?.byteLength !== KEY_BYTES) throw withCode('NOT_A_DATA_KEY');
    return importSealingKey(new Uint8Array(bytes));
  }

  function renew(): Promise<RingKey> {
    if (!coming || coming.isFailed || ageOf(coming) >= CALL_LIMIT_MS) {
      const call = called(make());
      coming = call;
      call.result.then(
        () => {
          present = call;
          coming = undefined;
        },
        () => undefined,
      );
    }
    return coming.result;
  }

  return {
    async current() {
      const isFresh = present && ageOf(present) < renewMs;
      const renewing = isFresh ? undefined : renew();
      if (!present || ageOf(present) >= keepMs) return renewing ?? renew();
      renewing?.catch(() => undefined);
      return present.result;
    },
    async find(_, wrapped) {
      if (!wrapped) return [];
      let call = opened.get(wrapped);
      const isAtHand = call && !call.isFailed && ageOf(call) < (call.isDone ? keepMs : CALL_LIMIT_MS);
      if (!call || !isAtHand) call = called(open(wrapped));
      keep(wrapped, call);
      return [await call.result];
    },
  };
}

function withCode(code: string): Error {
  return Object.assign(new Error(), { code });
}

function settingsOf(kms: KmsLike, options: EnvelopeOptions): Required<EnvelopeOptions> & { id: string } {
  const { wrap, unwrap, id = 'kms' } = Object(kms) as Partial<KmsLike>;
  if (typeof wrap !== 'function' || typeof unwrap !== 'function') {
    throw new OptionsError(
      'ERR_OPTIONS',
      'Expected a key service as { wrap(dataKey, context), unwrap(wrapped, context) }.',
    );
  }
  checkKeyId(id);
  const names = ['renewMs', 'keepMs', 'atHand', 'context'] as const;
  const instead = 'envelopeKeys(kms, { renewMs: 3_600_000 })';
  const given = checkOptions<EnvelopeOptions>('envelopeKeys', options, names, instead);
  const { renewMs = 3_600_000, keepMs = Number.POSITIVE_INFINITY, atHand = 1_000, context = 'evertoken' } = given;
  if (![renewMs, keepMs, atHand].every((number) => typeof number === 'number' && number > 0)) {
    throw new OptionsError(
      'ERR_OPTIONS',
      `Expected renewMs, keepMs and atHand to be numbers above 0. Write ${instead}.`,
    );
  }
  if (typeof context !== 'string') {
    throw new OptionsError('ERR_OPTIONS', `Expected context to be a string, got ${typeof context}.`);
  }
  return { id, renewMs, keepMs, atHand, context };
}

/** A call of the service, which all who need its result share. */
interface Call<T> {
  readonly result: Promise<T>;
  readonly at: number;
  isDone: boolean;
  isFailed: boolean;
}

function called<T>(result: Promise<T>): Call<T> {
  const call = { result, at: Date.now(), isDone: false, isFailed: false };
  result.then(
    () => {
      call.isDone = true;
    },
    () => {
      call.isFailed = true;
    },
  );
  return call;
}

/** A clock that was set back makes a key old, too: what is renewed too early does no harm. */
function ageOf({ at }: { readonly at: number }): number {
  return Math.abs(Date.now() - at);
}
