import type { SessionSnapshot, TokenManager } from 'evertoken';
import { onMounted, onScopeDispose, type ShallowRef, shallowRef } from 'vue';

/** The session, or undefined on a server and until the component is mounted: what both render first has to agree. */
export function useSession(tokens: TokenManager): Readonly<ShallowRef<SessionSnapshot | undefined>> {
  const session = shallowRef<SessionSnapshot>();
  let stop: (() => void) | undefined;
  onMounted(() => {
    const look = () => {
      session.value = tokens.getSnapshot();
    };
    stop = tokens.subscribe(look);
    look();
  });
  onScopeDispose(() => stop?.());
  return session;
}
