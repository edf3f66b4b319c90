import { createFetch, createTokenManager, isTokenError, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';

const { TOKEN_URL = 'https://auth.example/token', API_URL = 'https://api.example' } = process.env;

const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: TOKEN_URL, clientId: 'orders-cli' }),
  platform: node({ file: 'session.json' }), // private, and shared by any number of processes
});
const api = createFetch(tokens, { origins: [new URL(API_URL).origin] });

try {
  const response = await api(API_URL);
  console.log(await response.text());
} catch (error) {
  if (!isTokenError(error)) throw error;
  console.error(error.code === 'ERR_NO_SESSION' ? 'Sign in first.' : error.message);
  process.exitCode = 1;
}
