import axios, { type AxiosError, type InternalAxiosRequestConfig } from 'axios';

export const api = axios.create({ baseURL: 'https://api.example' });

let refreshing: Promise<string> | undefined;

async function refresh(): Promise<string> {
  const { data } = await axios.post(
    'https://auth.example/token',
    new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: localStorage.getItem('refresh_token') ?? '',
      client_id: 'shop',
    }),
  );
  localStorage.setItem('access_token', data.access_token);
  localStorage.setItem('refresh_token', data.refresh_token);
  return data.access_token;
}

api.interceptors.request.use((config) => {
  config.headers.set('Authorization', `Bearer ${localStorage.getItem('access_token')}`);
  return config;
});

api.interceptors.response.use(undefined, async (error: AxiosError) => {
  const config = error.config as (InternalAxiosRequestConfig & { retried?: boolean }) | undefined;
  if (error.response?.status !== 401 || !config || config.retried) throw error;
  config.retried = true;
  try {
    refreshing ??= refresh();
    config.headers.set('Authorization', `Bearer ${await refreshing}`);
    return await api(config);
  } catch (failure) {
    localStorage.clear();
    location.assign('/login'); // also when the token endpoint is down for a minute
    throw failure;
  } finally {
    refreshing = undefined;
  }
});
