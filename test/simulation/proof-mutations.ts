import { type Mutation, mutation } from './mutation.js';

const SEND = 'integrations/dpop/send-signed.ts';
const PROVER = 'integrations/dpop/prover.ts';
const NONCES = 'integrations/dpop/nonces.ts';
const REFUSAL = 'core/refusal.ts';
const AGAIN = 'const isNews = first.otherNonce === undefined && second.otherNonce !== undefined;';

/** Worlds in which all sessions are. */
const BOUND = 'bound';

/** The safeguards of sessions that are bound to keys, and of the proofs that they are sent with. */
export const proofMutations: readonly Mutation[] = [
  mutation(
    'a bound access token is sent as Bearer where nothing signs',
    'An application that forgot `dpop().fetch` sends the access tokens of bound sessions for anybody to use (J35).',
    'integrations/sender.ts',
    'if (tokens[hooks]?.bindingOf?.(accessToken) === undefined) return;',
    'if (tokens[hooks]?.bindingOf?.(accessToken) === undefined || accessToken) return;',
  ),
  mutation(
    'the access token of an errand is not known as bound',
    'Of two errands that end at the same revision, one serves an access token that no record here has: it goes out as Bearer (J35).',
    'integrations/oauth/errands.ts',
    'marks.add(record.others?.[target]?.accessToken, true, record.grant?.binding);',
    'marks.add(undefined, true, record.grant?.binding);',
    'other-apis',
  ),
  mutation(
    'what is not bound is taken for a bound session',
    'A token endpoint that answers with Bearer robs a session of its key (J35).',
    'core/token-set.ts',
    '(isKeyed ? !/^(dpop)?$/i.test(type) : ',
    '(isKeyed ? /^(pop|mac|n_a)$/i.test(type) : ',
  ),
  mutation(
    'a bound session is stored as any other',
    'Tabs that know no keys would take it for one of theirs (J37).',
    'core/codec.ts',
    'return grant?.binding === undefined ? 1 : 2;',
    'return grant?.binding === undefined ? 1 : 1;',
  ),
  mutation(
    'nonces are learned from refusals alone',
    'The nonce of an answer that is fine is not used: each request costs two (J29).',
    SEND,
    'const given = nonces.learn(origin, response.headers);',
    'const given = response.status < 400 ? undefined : nonces.learn(origin, response.headers);',
  ),
  mutation(
    'the first nonce stays',
    'An older nonce is sent although a newer one came (J29).',
    NONCES,
    'keepNewest(nonces, origin, nonce, MAX_ORIGINS);',
    'if (!nonces.has(origin)) keepNewest(nonces, origin, nonce, MAX_ORIGINS);',
  ),
  {
    name: 'one nonce for all origins',
    means: 'The nonce of one server is sent to another (J29).',
    patches: [
      { file: NONCES, find: 'nonces.get(origin)', replace: "nonces.get('')" },
      { file: NONCES, find: 'keepNewest(nonces, origin,', replace: "keepNewest(nonces, '' && origin," },
    ],
  },
  mutation(
    'a demand for a nonce is not answered',
    'What a server refuses for its nonce comes back to the caller (J28).',
    SEND,
    "error === 'use_dpop_nonce' ? otherNonce !== undefined :",
    "error === 'use_dpop_nonce' ? otherNonce === null :",
  ),
  mutation(
    'a request is signed anew for as long as the server asks',
    'A server that goes on demanding is asked without end (J28).',
    SEND,
    'if (!request.isEndpoint || !isNews || isOver()',
    'if (isOver()',
  ),
  mutation(
    'a server that looks at the time first is not asked a third time',
    'A refresh fails where the token endpoint says that the time is wrong, and then wants a nonce.',
    SEND,
    AGAIN,
    'const isNews = first.otherNonce !== undefined && second.otherNonce === undefined;',
  ),
  mutation(
    'what can be sent once is signed anew',
    'A body that was read already is sent again (J31).',
    SEND,
    'if (request.isOneShot || isOver()',
    'if (isOver()',
  ),
  {
    name: 'a request is signed anew although nobody waits for it',
    means:
      'A refresh token is presented after the manager has given up the request, when the lock may be held by another.',
    patches: [
      {
        file: SEND,
        find: 'const isOver = () => request.signal?.aborted || signer.now() > until;',
        replace: 'const isOver = () => until < 0;',
      },
    ],
  },
  mutation(
    'a request is signed anew after its lock was taken away',
    'A page that was frozen presents the refresh token again, which a peer has rotated meanwhile.',
    SEND,
    'const isOver = () => request.signal?.aborted || signer.now() > until;',
    'const isOver = () => request.signal?.aborted || until < 0;',
    BOUND,
  ),
  {
    name: 'a search for the key that hangs holds up those who come later',
    means: 'Whoever shares a search that a runtime has cut off, or a key store never answers, waits for ever (B11).',
    patches: [
      {
        file: PROVER,
        find: 'const found = await find(keys, binding);',
        replace: 'searches[binding] ??= find(keys, binding);\n    const found = await searches[binding];',
      },
      {
        file: PROVER,
        find: 'const loaded = new Map<string, Loaded>();',
        replace: 'const loaded = new Map<string, Loaded>();\n  const searches = {};',
      },
    ],
  },
  mutation(
    'a key store that fails ends the session',
    'That a key cannot be read is taken for its being gone (J36).',
    PROVER,
    "throw unavailable('be found', cause);",
    'throw keyGone(binding);',
  ),
  mutation(
    'a key that is gone is looked for without end',
    'A session whose key is gone neither works nor ends (J36).',
    'manager/answer.ts',
    'const lost = lostKey(error, asked.binding);',
    'const lost = lostKey(error, undefined);',
    BOUND,
  ),
  mutation(
    'any key will do',
    'A request is signed with the key of an earlier session (J33).',
    PROVER,
    'const known = loaded.get(binding);',
    'const [known] = loaded.values();',
  ),
  mutation(
    'the hash of an older access token',
    '`ath` is that of the access token before the refresh.',
    PROVER,
    'if (hashed?.accessToken === accessToken) return hashed.hash;',
    'if (hashed) return hashed.hash;',
  ),
  mutation(
    'a proof is used twice',
    'Two proofs have the same `jti`: a server takes the second one for a replay (J27).',
    PROVER,
    'const id = secrets.random();',
    "const id = nonce ?? 'id';",
  ),
  mutation(
    "the server's clock is not heeded",
    'Proofs are dated by the clock of the device, however wrong that is (J34).',
    SEND,
    'const skewMs = clocks.skewOf(origin) ?? request.assumedSkewMs ?? 0;',
    'const skewMs = request.isOneShot ? (clocks.skewOf(origin) ?? 0) : 0;',
  ),
  mutation(
    'a proof with a wrong time is not made anew',
    'The first request after the clock has jumped fails, although its answer tells the time (J34).',
    SEND,
    "error === 'invalid_dpop_proof' && isOtherTime;",
    "error === 'invalid_dpop_proof' && isOtherTime && otherNonce === null;",
  ),
  mutation(
    'a refused proof is taken for a refused access token',
    'A nonce or a wrong clock costs a refresh, and ends a session that has no refresh token.',
    'integrations/rejection.ts',
    'isSigned ? NEEDS_MORE.concat(PROOF_REFUSED) : NEEDS_MORE',
    'NEEDS_MORE',
    BOUND,
  ),
  {
    name: 'use_dpop_nonce ends the session',
    means: 'A token endpoint that goes on demanding nonces signs users out.',
    patches: [
      { file: REFUSAL, find: '|use_dpop_nonce', replace: '' },
      {
        file: REFUSAL,
        find: '/^(invalid_grant|session_not_found',
        replace: '/^(invalid_grant|use_dpop_nonce|session_not_found',
      },
    ],
  },
  {
    name: 'a wrong clock ends the session',
    means: 'A proof whose time is refused signs the user out.',
    patches: [
      { file: REFUSAL, find: '|invalid_dpop_proof', replace: '' },
      {
        file: REFUSAL,
        find: '/^(invalid_grant|session_not_found',
        replace: '/^(invalid_grant|invalid_dpop_proof|session_not_found',
      },
    ],
  },
];
