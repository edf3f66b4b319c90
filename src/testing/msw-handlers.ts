import type { Responder } from './server-fetch.js';

interface Run {
  readonly request: Request;
  readonly requestId: string;
}

/**
 * Makes a request handler for `setupServer` and `setupWorker` of msw, without importing msw.
 *
 * At run time msw needs only these public members of its `RequestHandler` (3.0), but its types require the class with its
 * private members. An array of `never` is accepted, and does not depend on one version.
 */
export function createMswHandlers(origin: string, respond: Responder): readonly never[] {
  const handler = {
    kind: 'request',
    info: { header: `authorization server at ${origin}` },
    isUsed: false,
    async run({ request, requestId }: Run) {
      if (new URL(request.url).origin !== origin) return null;
      handler.isUsed = true;
      const response = await respond(request.clone()); // msw itself may still read the original
      return { handler, request, requestId, response: response === 'dropped' ? Response.error() : response };
    },
    log() {},
    reset() {},
    restore() {},
    dispose() {},
  };
  return [handler as never];
}
