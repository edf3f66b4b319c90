import type { Demands } from './demands.js';
import type { Exchange } from './exchange.js';
import type { Settings } from './options.js';
import type { Reconciler } from './reconciler.js';
import type { RecordFactory } from './record-factory.js';
import type { RecordStore } from './record-store.js';
import type { SessionStore } from './session-store.js';
import type { TokenMarks } from './token-marks.js';
import type { UnstoredTokens } from './unstored-tokens.js';

/** The parts that an attempt needs. */
export interface AttemptParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly store: RecordStore;
  readonly reconciler: Reconciler;
  readonly records: RecordFactory;
  readonly exchange: Exchange;
  readonly demands: Demands;
  readonly unstored: UnstoredTokens;
  readonly marks: TokenMarks;
}
