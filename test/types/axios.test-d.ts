import axios from 'axios';
import axios0 from 'axios-0';
import { expectTypeOf, test } from 'vitest';
import type { TokenManager } from '../../src/index.js';
import { tokenAdapter } from '../../src/integrations/axios.js';

declare const tokens: TokenManager;
const origins = ['https://api.example'];

test('axios 1 and axios 0 take the adapter as one of their own, without a cast', () => {
  axios.create({ adapter: tokenAdapter(tokens, { axios, origins }) });
  axios.create({ adapter: tokenAdapter(tokens, { axios, origins, adapter: 'fetch' }) });
  axios.create({ adapter: tokenAdapter(tokens, { axios, origins, adapter: ['xhr', 'http'] }) });
  axios.create({ adapter: tokenAdapter(tokens, { axios, origins, adapter: axios.getAdapter('http') }) });
  axios0.create({ adapter: tokenAdapter(tokens, { axios: axios0, origins }) });
  expectTypeOf(tokenAdapter(tokens, { axios, origins })).toEqualTypeOf(axios.getAdapter('http'));
});

test('what is missing or misspelled does not compile', () => {
  // @ts-expect-error origins are missing
  tokenAdapter(tokens, { axios });
  // @ts-expect-error axios is missing
  tokenAdapter(tokens, { origins });
  // @ts-expect-error 'reject' or 'send'
  tokenAdapter(tokens, { axios, origins, withoutSession: 'ignore' });
});
