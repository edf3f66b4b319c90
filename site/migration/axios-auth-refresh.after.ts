import axios from 'axios';
import { createFetch, createTokenManager, type TokenResponse } from 'evertoken';
import { browser } from 'evertoken/browser';

export const tokens = createTokenManager({
  refresh: async ({ refreshToken, attemptId, signal }) => {
    const response = await fetch('https://api.example/session/refresh', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': attemptId },
      body: JSON.stringify({ token: refreshToken }),
      signal,
    });
    if (!response.ok) return response; // unread: its status and its body say whether the session is over
    const { accessToken, refreshToken: next, expiresIn } = await response.json();
    return { access_token: accessToken, refresh_token: next, expires_in: expiresIn } satisfies TokenResponse;
  },
  endsSession: ({ kind, status }) => kind === 'dead' || status === 401, // how this endpoint says that it is over
  platform: browser(),
});

// `evertoken/axios` is the adapter for a plain 401; this API also says 419, so that axios sends with a fetch that knows
const send = createFetch(tokens, {
  origins: ['https://api.example'],
  rejected: ({ status }) => status === 401 || status === 419,
});
export const api = axios.create({ baseURL: 'https://api.example', adapter: 'fetch', env: { fetch: send } });
