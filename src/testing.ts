export { type AuthServer, type AuthServerCounts, createAuthServer, type SignInOptions } from './testing/auth-server.js';
export type { AuthClient, AuthServerOptions, AuthServerSwitches } from './testing/auth-server-options.js';
export { type FakeClock, fakeClock } from './testing/fake-clock.js';
export type { TokenFacts } from './testing/grants.js';
export type { ListeningServer } from './testing/listen.js';
export type { ApiRequest, TokenRequest } from './testing/request-log.js';
export type { Endpoint, Scripted, ScriptedAnswer, ScriptedDecision, ScriptedRequest } from './testing/script.js';
