import axios from 'axios';
import { createAuthRefresh } from 'axios-auth-refresh';

export const api = axios.create({ baseURL: 'https://api.example' });

api.interceptors.request.use((config) => {
  config.headers.set('Authorization', `Bearer ${localStorage.getItem('access_token')}`);
  return config;
});

createAuthRefresh(
  api,
  async (failed) => {
    const { data } = await axios.post('https://api.example/session/refresh', {
      token: localStorage.getItem('refresh_token'),
    });
    localStorage.setItem('access_token', data.accessToken);
    localStorage.setItem('refresh_token', data.refreshToken);
    failed.response.config.headers.Authorization = `Bearer ${data.accessToken}`;
  },
  { statusCodes: [401, 419] },
);
