/**
 * Names the member by which a refresh function tells whose its sessions are: where it presents a refresh token, and as
 * which client. A session is presented by no other owner. No secret: it names the storage item, the lock and the channel.
 */
export const owner: unique symbol = Symbol.for('evertoken.owner') as never;

/** Names an endpoint and a client: `client@https://server/path`, without the query, in visible ASCII. */
export function nameOwner(origin: string, url: string, clientId: string): string {
  const path = /^\w+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1];
  return `${clientId}@${origin}${path || '/'}`.replace(/[^!-~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
}

/** The owner that a refresh function names, if it does. */
export function ownerOf(refresh: unknown): string | undefined {
  const name = (Object(refresh) as { [owner]?: unknown })[owner];
  return typeof name === 'string' && name ? name : undefined;
}
