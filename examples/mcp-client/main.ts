// Greets an MCP server that wants its users to sign in: node --import ./scripts/typescript.mjs examples/mcp-client/main.ts URL
import { node } from 'evertoken/node';
import { createMcpFetch } from './mcp-fetch.js';

const [url = 'http://127.0.0.1:4000/mcp'] = process.argv.slice(2);
const open = (address: string): void => console.error(`Sign in at ${address}`);
const mcp = createMcpFetch({ url, open, platform: node({ file: 'mcp-session.json' }) });
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'example', version: '1.0.0' } };
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
console.log(await (await mcp(url, { method: 'POST', headers, body })).text());
