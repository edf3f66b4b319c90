import type { SessionSnapshot } from '../../manager/token-manager.js';
import { span } from '../event-sentences.js';

/** The life of the access token at one moment, for the bar. */
export interface Life {
  readonly word: 'fresh' | 'stale' | 'expired' | 'unknown' | 'none';
  /** How much of it is over, and from where on it is stale; from 0 to 1. */
  readonly over: number;
  readonly staleFrom: number;
  readonly text: string;
}

/** Where in its life the access token is; the manager moves the moment at which it is due a little earlier by chance. */
export function lifeOf(session: SessionSnapshot, leewayMs: number | undefined, now: number): Life {
  const { status, issuedAt, expiresAt } = session;
  if (status !== 'active') return { word: 'none', over: 0, staleFrom: 1, text: 'No access token.' };
  if (issuedAt === undefined || expiresAt === undefined) {
    return { word: 'unknown', over: 0, staleFrom: 1, text: 'The server did not say when it expires.' };
  }
  const lifetimeMs = Math.max(1, expiresAt - issuedAt);
  const leeway = Math.min(leewayMs ?? Math.min(lifetimeMs / 5, 300_000), lifetimeMs / 2);
  const staleFrom = 1 - leeway / lifetimeMs;
  const over = Math.min(1, Math.max(0, (now - issuedAt) / lifetimeMs));
  const left = expiresAt - now;
  if (left <= 0) return { word: 'expired', over, staleFrom, text: `Expired ${span(-left)} ago.` };
  return over < staleFrom
    ? { word: 'fresh', over, staleFrom, text: `Fresh: due in ${span(left - leeway)}, expires in ${span(left)}.` }
    : { word: 'stale', over, staleFrom, text: `Stale: a refresh is due; expires in ${span(left)}.` };
}
