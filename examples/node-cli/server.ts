// An authorization server and API to try the tool against: node --import ./scripts/typescript.mjs examples/node-cli/server.ts
import { createAuthServer } from 'evertoken/testing';

const server = createAuthServer({ accessTokenLifetimeMs: 30_000 });
const { origin, authorizeUrl, tokenUrl, revokeUrl, apiUrl } = await server.listen(Number(process.env.PORT ?? 4000));
console.log(JSON.stringify({ origin, authorizeUrl, tokenUrl, revokeUrl, apiUrl }, null, 2));
