import axios, { type AxiosInstance } from 'axios';
import type { TokenSource } from 'evertoken';
import { tokenAdapter } from 'evertoken/axios';

/** An axios whose requests to the API carry the access token. Everything else about it is axios. */
export function createApi(tokens: TokenSource, url: string): AxiosInstance {
  const adapter = tokenAdapter(tokens, { axios, origins: [new URL(url).origin] });
  return axios.create({ baseURL: url, adapter });
}
