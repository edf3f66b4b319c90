export { type AuthServer, type AuthServerCounts, createAuthServer, type SignInOptions } from './testing/auth-server.js';
export type { AuthClient, AuthServerOptions, AuthServerSwitches } from './testing/auth-server-options.js';
export {
  type ChannelContractOptions,
  type ChannelUnderTest,
  channelContract,
} from './testing/channel-contract.js';
export { type ContractCheck, type ContractOptions, runContract } from './testing/contract.js';
export {
  type DpopKeysContractOptions,
  type DpopKeysUnderTest,
  dpopKeysContract,
} from './testing/dpop-keys-contract.js';
export { type DueIndexUnderTest, dueIndexContract } from './testing/due-index-contract.js';
export { type FakeClock, fakeClock } from './testing/fake-clock.js';
export type { GateState } from './testing/gate.js';
export type { TokenFacts } from './testing/grants.js';
export { type JobQueueUnderTest, jobQueueContract } from './testing/job-queue-contract.js';
export type { ListeningServer } from './testing/listen.js';
export { type LockContractOptions, lockContract } from './testing/lock-contract.js';
export type { LockUnderTest } from './testing/lock-holder.js';
export { type Peer, type Peers, type PeersOptions, peers } from './testing/peers.js';
export type { ApiRequest, TokenRequest } from './testing/request-log.js';
export type { Endpoint, Scripted, ScriptedAnswer, ScriptedDecision, ScriptedRequest } from './testing/script.js';
export type { StorageFault, StorageFaultDecision, StorageOperation } from './testing/shared-storage.js';
export { type StorageContractOptions, type StorageUnderTest, storageContract } from './testing/storage-contract.js';
