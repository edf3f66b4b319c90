import { createClient } from '@supabase/supabase-js';

const supabase = createClient('https://project.supabase.co', 'publishable-key');

export async function onSignIn(email: string, password: string): Promise<void> {
  const { error } = await supabase.auth.signInWithPassword({ email, password });
  if (error) throw error;
}

export const onSignOut = (): Promise<unknown> => supabase.auth.signOut();

export async function readOrders(): Promise<unknown> {
  const { data, error } = await supabase.from('orders').select();
  if (error) throw error;
  return data;
}

/** A function of your own beside the database. */
export async function bill(): Promise<Response> {
  const { data } = await supabase.auth.getSession();
  return fetch('https://api.example/bills', { headers: { Authorization: `Bearer ${data.session?.access_token}` } });
}
