/** Calls a method of an MCP server. */
export type Call = (method: string, params?: object) => Promise<unknown>;

const clientInfo = { name: 'evertoken-example', version: '1.0.0' };

/** JSON-RPC over the streamable HTTP transport of MCP; the first call shakes hands where the protocol still wants that. */
export function connect(url: string, send: typeof fetch, version = '2025-11-25'): Call {
  const isStateful = version < '2026';
  let count = 0;
  let session: Record<string, string> = {};
  let ready: Promise<unknown> | undefined;

  async function post(method: string, params: object, id?: number): Promise<unknown> {
    const response = await send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(method !== 'initialize' && { 'mcp-protocol-version': version }),
        ...(!isStateful && { 'mcp-method': method, ...('name' in params && { 'mcp-name': String(params.name) }) }),
        ...session,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...(id !== undefined && { id }), method, params }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The server answered ${response.status} to ${method}.`);
    const own = response.headers.get('mcp-session-id');
    if (own) session = { 'mcp-session-id': own };
    if (id === undefined) return undefined;
    const { result, error } = JSON.parse(/^data: ?(.*)$/m.exec(text)?.[1] ?? text);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async function shakeHands(): Promise<void> {
    await post('initialize', { protocolVersion: version, capabilities: {}, clientInfo }, ++count);
    await post('notifications/initialized', {});
  }

  return async (method, params = {}) => {
    if (isStateful) ready ??= shakeHands();
    await ready;
    const prefix = 'io.modelcontextprotocol';
    const own = { protocolVersion: version, clientCapabilities: {}, clientInfo };
    const meta = Object.fromEntries(Object.entries(own).map(([name, value]) => [`${prefix}/${name}`, value]));
    return post(method, isStateful ? params : { ...params, _meta: meta }, ++count);
  };
}
