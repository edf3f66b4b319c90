import { readFileSync } from 'node:fs';

/** One answer of a token endpoint, as observed or documented. */
export interface ProviderAnswer {
  readonly when: string;
  /** Null where nobody wrote it down; `statusNote` says what to assume. */
  readonly status: number | null;
  readonly statusNote?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** What an answer that is neither dead nor transient means. */
  readonly reading?: 'needs-interaction' | 'client-config' | 'retry-with-change' | 'undecidable';
}

/** What is known of one provider, with sources. */
export interface Provider {
  readonly provider: string;
  readonly refreshDead: readonly ProviderAnswer[];
  readonly transient: readonly ProviderAnswer[];
  readonly other: readonly ProviderAnswer[];
}

/** What real token endpoints answer. */
export const providers: readonly Provider[] = JSON.parse(
  readFileSync(new URL('../data/providers.json', import.meta.url), 'utf8'),
);
