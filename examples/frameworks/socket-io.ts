import type { TokenSource } from 'evertoken';
import { io, type ManagerOptions, type Socket } from 'socket.io-client';

/** A socket that presents a fresh access token whenever it connects; the server says `unauthorized` where it is refused. */
export function connect(tokens: TokenSource, url: string, options?: Partial<ManagerOptions>): Socket {
  let presented = '';
  let replacement = '';
  const socket = io(url, {
    ...options,
    auth: async (give) => {
      presented = await tokens.getAccessToken().catch(() => '');
      give({ token: presented });
    },
  });
  socket.on('connect', () => {
    replacement = '';
  });
  socket.on('connect_error', async ({ message }) => {
    // socket.io tries again by itself, but not after the server has refused; nor do we when the new one is refused too
    if (socket.active || message !== 'unauthorized' || presented === '' || presented === replacement) return;
    replacement = await tokens.replaceAccessToken(presented).catch(() => '');
    if (replacement !== '') socket.connect();
  });
  return socket;
}
