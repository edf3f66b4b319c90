import { serveSpa } from './serve.js';

// npm run spa [-- --cookie]
const isCookie = process.argv.includes('--cookie');
const { origin } = await serveSpa({ port: 5173, refreshTokenIn: isCookie ? 'cookie' : 'response' });
console.log(`Open ${origin}/${isCookie ? '?cookie' : ''} in several tabs. Access tokens live 30 s. Ctrl+C ends it.`);
