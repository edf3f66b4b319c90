import { createServer, type Server } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../examples/spa/listen.js';

function server(): Server {
  const made = createServer();
  onTestFinished(() => void made.close());
  return made;
}

test('npm run spa takes the next port where its own is taken, and says which', async () => {
  const taken = await listen(server(), 0);
  const port = await listen(server(), taken);
  expect(port).toBeGreaterThan(taken);
  expect(port).toBeLessThan(taken + 20);
});

test('what is wrong with more than one port is told', async () => {
  await expect(listen(server(), 65_536)).rejects.toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
});
