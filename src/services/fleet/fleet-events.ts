import type { LanePause } from '../../core/lane.js';
import { reportFault } from '../../integrations/report-fault.js';

/** What happens in a fleet, without any token; each with its moment, in epoch milliseconds. */
export interface FleetEvents {
  /** A session has new tokens, by a refresh of this process. */
  refreshed: SessionFact & { readonly durationMs: number; readonly expiresAt: number | undefined };
  /** One attempt failed; the session is kept. */
  refreshFailed: SessionFact & {
    /** As of the error: `ERR_REFRESH_UNAVAILABLE`, say. */
    readonly code: string;
    readonly status: number | undefined;
  };
  /** A session is over; `ended()` lists it until it is acknowledged, unless the application ended it. */
  sessionEnded: SessionFact & { readonly reason: string };
  /** A lane feeds nothing for now. */
  lanePaused: LaneFact & Omit<LanePause, 'count'>;
  /** A lane feeds again, slowly at first. */
  laneResumed: LaneFact;
  /** A refresh that another process began, and did not end, is taken over. */
  workerRelieved: SessionFact;
  /** The index, the queue or the lock could not be reached; it is tried again a second later. */
  indexFailed: { readonly at: number; readonly operation: string; readonly error: unknown };
}

interface LaneFact {
  readonly at: number;
  readonly lane: string;
}

interface SessionFact extends LaneFact {
  readonly key: string;
}

/** Calls the listeners of a fleet. */
export interface FleetEmitter {
  on<Type extends keyof FleetEvents>(type: Type, listener: (event: FleetEvents[Type]) => void): () => void;
  emit<Type extends keyof FleetEvents>(type: Type, event: FleetEvents[Type]): void;
}

/** What a listener throws is reported, and harms nobody else. */
export function createFleetEmitter(): FleetEmitter {
  const listeners = new Map<keyof FleetEvents, Set<(event: never) => void>>();
  return {
    on(type, listener) {
      const present = listeners.get(type) ?? new Set();
      const own = (event: never) => listener(event);
      listeners.set(type, present.add(own));
      return () => void present.delete(own);
    },
    emit(type, event) {
      for (const listener of [...(listeners.get(type) ?? [])]) {
        try {
          listener(event as never);
        } catch (error) {
          reportFault(error);
        }
      }
    },
  };
}
