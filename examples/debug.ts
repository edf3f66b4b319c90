import type { TokenManager } from 'evertoken';

/** In development the console says in sentences what happens, and why; a production build has none of it. */
export async function explainWhileDeveloping(tokens: TokenManager): Promise<void> {
  if (process.env.NODE_ENV === 'production') return;
  const { explain } = await import('evertoken/debug');
  explain(tokens);
}
