import type { Challenge } from '../../core/challenge.js';
import { type Need, nameOf } from '../../core/step-up-need.js';
import { detachable } from '../oauth/detachable.js';

/** What an API asked for, for the function that asks the user. */
export interface StepUpNeed {
  /** A stronger or fresher sign-in (RFC 9470), more scopes (RFC 6750), or claims that a refresh did not bring. */
  readonly kind: 'authentication' | 'scope' | 'claims';
  /** What the API said; `begin({ challenge })` of `evertoken/oauth` takes it. */
  readonly challenge: Challenge;
  /** The API that asked. */
  readonly origin: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** What the user is asked, once for all who need the same. */
export interface Questions {
  /** Counts the answers so far; dates a request. */
  readonly now: number;
  /** Whether the user says yes; rejects when this caller gives up. A request shares a no that came after it was sent. */
  ask(origin: string, need: Need, sentAt: number, signal: AbortSignal | undefined): Promise<boolean>;
}

/** One question, and how many wait for its answer. */
interface Question {
  readonly answer: Promise<boolean>;
  readonly controller: AbortController;
  waiting: number;
}

/** Remembered refusals; far more than an application has needs. */
const MAX_REFUSALS = 100;

/** Makes the place where questions are asked. */
export function createQuestions(stepUp: (need: StepUpNeed) => Promise<boolean>): Questions {
  const open = new Map<string, Question>();
  const refusals = new Map<string, number>();
  let answers = 0;

  function begin(name: string, origin: string, need: Need): Question {
    const controller = new AbortController();
    const work = async () => (await stepUp({ ...need, origin, signal: controller.signal })) === true;
    const answer = work()
      .catch(() => false)
      .then((isYes) => {
        if (open.get(name) === question) open.delete(name);
        answers++;
        if (refusals.size >= MAX_REFUSALS) refusals.clear();
        if (!isYes) refusals.set(name, answers);
        return isYes;
      });
    const question: Question = { answer, controller, waiting: 0 };
    open.set(name, question);
    return question;
  }

  return {
    get now() {
      return answers;
    },
    async ask(origin, need, sentAt, signal) {
      const name = nameOf(origin, need);
      if ((refusals.get(name) ?? 0) > sentAt) return false;
      const question = open.get(name) ?? begin(name, origin, need);
      question.waiting++;
      try {
        return await detachable(question.answer, signal);
      } finally {
        // whoever comes later gets a question of their own
        if (--question.waiting === 0 && open.get(name) === question) {
          open.delete(name);
          question.controller.abort();
        }
      }
    },
  };
}
