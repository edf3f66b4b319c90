import type { SessionSnapshot } from '../../manager/token-manager.js';

const CHANNEL = 'evertoken:devtools';

/** What another tab tells of itself; no token, no claim. */
export interface OtherTab {
  readonly id: string;
  readonly sessionId: string | undefined;
  readonly status: SessionSnapshot['status'];
  readonly visible: boolean;
  /** Epoch milliseconds of its last refresh of its own. */
  readonly refreshedAt: number | undefined;
}

/** The other tabs of this origin whose devtools are open. */
export interface Tabs {
  readonly others: readonly OtherTab[];
  /** Tells the others how this one is, where that changed. */
  tell(session: SessionSnapshot, refreshedAt: number | undefined): void;
  close(): void;
}

/** Opens the channel among devtools; does nothing where there is none. */
export function openTabs(): Tabs {
  const others = new Map<string, OtherTab>();
  if (typeof BroadcastChannel !== 'function') return { others: [], tell: () => undefined, close: () => undefined };
  const channel = new BroadcastChannel(CHANNEL);
  const id = Math.random().toString(36).slice(2, 8);
  let own: OtherTab | undefined;
  const send = (message: object) => channel.postMessage({ id, ...message });
  channel.onmessage = ({ data }: MessageEvent<OtherTab & { kind: 'here' | 'who' | 'gone' }>) => {
    if (data.kind === 'gone') others.delete(data.id);
    if (data.kind === 'here') others.set(data.id, data);
    if (data.kind === 'who' && own) send({ kind: 'here', ...own });
  };
  send({ kind: 'who' });
  return {
    get others() {
      const ours = own?.sessionId;
      return [...others.values()].filter(({ sessionId }) => !sessionId || !ours || sessionId === ours);
    },
    tell({ status, sessionId }, refreshedAt) {
      const next: OtherTab = { id, status, sessionId, refreshedAt, visible: document.visibilityState === 'visible' };
      if (JSON.stringify(next) === JSON.stringify(own)) return;
      own = next;
      send({ kind: 'here', ...next });
    },
    close: () => {
      send({ kind: 'gone' });
      channel.close();
    },
  };
}
