import { isUsable } from './freshness.js';
import type { OtherAccess, Others } from './session-record.js';

/** What an access token is for, beside the one of the session itself. */
export interface Target {
  /** The API, as the server knows it (RFC 8707); sent letter by letter. */
  readonly resource?: string | undefined;
  /** The API, where the server calls that an audience. */
  readonly audience?: string | undefined;
  /** Scopes to ask for; default what the server gives for the target. */
  readonly scopes?: readonly string[] | undefined;
}

/** A session keeps so many: its record is rewritten with every refresh. */
const KEPT = 8;

/** The name under which a session keeps what it has for a target; the order of scopes does not matter. */
export function nameOfTarget({ resource = '', audience = '', scopes = [] }: Target): string {
  // no two targets have one name, whatever characters they contain
  return [resource, audience, [...scopes].sort().join(' ')].map((part) => part.replace(/[\\|]/g, '\\$&')).join('|');
}

/** The access token for a target of those that may be sent; undefined where there is none, or its time is over. */
export function usableOther(other: OtherAccess | undefined, now: number): string | undefined {
  return other && isUsable(other, now) ? other.accessToken : undefined;
}

/** Puts what a target has among the others, at most eight: what has expired goes first, then what was asked for first. */
export function keepOther(others: Others | undefined, name: string, other: OtherAccess, now: number): Others {
  const rest = Object.entries(others ?? {}).filter(([one]) => one !== name);
  const isOver = ([, one]: (typeof rest)[number]) => Number(usableOther(one, now) === undefined);
  rest.sort((a, b) => isOver(a) - isOver(b) || b[1].issuedAt - a[1].issuedAt);
  return Object.fromEntries([[name, other], ...rest.slice(0, KEPT - 1)]);
}
