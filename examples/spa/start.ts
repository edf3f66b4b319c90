import { serveSpa } from './serve.js';

// npm run spa [-- --cookie]
const PORT = 5173;
const isCookie = process.argv.includes('--cookie');
const { origin, port } = await serveSpa({ port: PORT, refreshTokenIn: isCookie ? 'cookie' : 'response' });
if (port !== PORT) console.log(`Port ${PORT} is taken, so this is ${port}.`);
console.log(
  `Open ${origin}/${isCookie ? '?cookie' : ''} in several tabs, and sign in. Access tokens live 30 s. Ctrl+C ends it.`,
);
