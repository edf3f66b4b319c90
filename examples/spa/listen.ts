import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const TRIES = 20;

/** Listens on loopback, on this port or the first one after it that is free, and returns the one it is. */
export async function listen(server: Server, port: number): Promise<number> {
  for (let next = port; ; next++) {
    server.listen(next, '127.0.0.1');
    try {
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // Windows says EACCES of ports that it keeps for itself
      if (!['EADDRINUSE', 'EACCES'].includes(code) || next === port + TRIES - 1) throw error;
    }
  }
}
