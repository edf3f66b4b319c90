import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long the user looks at the login page, in milliseconds: where it cuts the tie, long enough for that to be seen. */
const STAYS_MS = { none: 50, 'same-origin': 300, 'same-origin-allow-popups': 300 };

/** How the login page cuts the window that it is shown in off from the one that opened it. */
export type OpenerPolicy = 'none' | 'same-origin' | 'same-origin-allow-popups';

/** An authorization server at another origin than the page's, whose login page the user leaves after a moment. */
export interface LoginServer {
  readonly issuer: string;
  /** The paths that it was asked for, without their query. */
  readonly requests: string[];
  close(): void;
}

/** Shows a login page before `/authorize` of another server; everything else is handed on to it. */
export async function serveLogin(upstreamOf: () => string, policyOf: () => OpenerPolicy): Promise<LoginServer> {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const [upstream, policy] = [upstreamOf(), policyOf()];
    const { pathname, searchParams } = new URL(incoming.url ?? '/', upstream);
    requests.push(`${incoming.method} ${pathname}`);
    if (pathname === '/authorize' && !searchParams.has('passed')) {
      outgoing.setHeader('content-type', 'text/html');
      outgoing.setHeader('cross-origin-opener-policy', policy === 'none' ? 'unsafe-none' : policy);
      const script = `setTimeout(() => location.replace(location.href + '&passed'), ${STAYS_MS[policy]})`;
      return outgoing.end(`<!doctype html><title>Sign in</title><script>${script}</script>`);
    }
    const { method, headers } = incoming;
    const onward = request(upstream + incoming.url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    return incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    issuer: `http://localhost:${(server.address() as AddressInfo).port}`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
