import type { AuthServer, Peer } from 'evertoken/testing';

/** The receivers of `ops/alertmanager/evertoken.yml`. */
export const RECEIVERS = ['on-call', 'security', 'security-tickets', 'tickets'] as const;
export type Receiver = (typeof RECEIVERS)[number];

/** Who is told which alerts. */
export type Told = { readonly [Name in Receiver]?: readonly string[] };

/** In claims, in URLs, and in what servers and stores say: Prometheus must never see them. */
export const CANARIES = { claim: 'canary-claim', path: 'canary-path', message: 'canary-message' } as const;

/** What a fault can reach: the authorization server with its API, the store of sessions, and the metrics. */
export interface World {
  readonly server: AuthServer;
  readonly peer: Peer;
  /** Whether Prometheus reaches the application. */
  isScraped: boolean;
}

/** Something that goes wrong. */
export interface Fault {
  /** What is done, in words: a clause without a full stop. */
  readonly injected: string;
  /** How long it lasts at least. Minutes of the rules, which are seconds where scenarios are played. */
  readonly minutes: number;
  /** Lets it go wrong; returns what puts it right. */
  begin(world: World): () => void;
}

/** One kind of trouble: a test from end to end, a game day, the practice of a runbook, and a line of the documentation. */
export interface Scenario {
  readonly name: string;
  readonly fault: Fault;
  /** What users feel meanwhile. */
  readonly felt: string;
  /** The codes of the errors that callers get; absent: none. */
  readonly errors?: readonly string[];
  /** Why users are signed out who did not sign out; absent: nobody is. */
  readonly signsOut?: 'lost' | 'rejected';
  /** Exactly who is told what while the fault lasts; nobody else is told anything. */
  readonly told: Told;
  /** Who is told what more after its end. */
  readonly toldAfter?: Told;
  /** What is told to be over soon after its end, by receiver. */
  readonly resolved?: Told;
  /** The runbooks that it is practice for. */
  readonly runbooks: readonly string[];
}

/** Who is told what, in words. */
export function wordsOf(told: Told): string {
  return RECEIVERS.flatMap((name) => (told[name] ? [`${name}: ${told[name].join(', ')}`] : [])).join('; ') || 'nobody';
}
