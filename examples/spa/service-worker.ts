import { api, tokens } from './session.js';

// A service worker is a peer as well, also while no page is open. It adds the access token to requests below /api/sw/,
// so that an <img> or a download can use it.

interface ServiceWorkerScope {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
}
interface ServiceWorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
  respondWith(response: Promise<Response>): void;
  readonly request: Request;
}

const scope = globalThis as unknown as ServiceWorkerScope;
const on = (type: string, listener: (event: ServiceWorkerEvent) => void): void =>
  addEventListener(type, listener as unknown as EventListener);

on('install', (event) => event.waitUntil(scope.skipWaiting()));
on('activate', (event) => event.waitUntil(scope.clients.claim()));
on('fetch', (event) => {
  if (new URL(event.request.url).pathname.startsWith('/api/sw/')) event.respondWith(api(event.request));
});
addEventListener('message', async ({ ports: [reply] }: MessageEvent<'token'>) => {
  reply?.postMessage(await tokens.getAccessToken().catch(({ code }: { code: string }) => code));
});
