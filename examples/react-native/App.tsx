import { isTokenError } from 'evertoken';
import { SessionProvider, useSession } from 'evertoken/react';
import { useState } from 'react';
import { Button, SafeAreaView, Text } from 'react-native';
import { api, signIn, tokens } from './session';
import { SignIn } from './sign-in';

export default function App() {
  return (
    <SessionProvider tokens={tokens}>
      <Home />
    </SessionProvider>
  );
}

/** Shows the session: nobody is asked to sign in again because a tunnel was long. */
function Home() {
  const { status, claims, retryAt } = useSession();
  const [answer, setAnswer] = useState('');

  if (status === 'loading') return <Text>…</Text>;
  if (status === 'none') return <SignIn />;
  return (
    <SafeAreaView>
      <Text>Hello {String(claims?.name ?? claims?.sub ?? '')}</Text>
      {retryAt !== undefined && <Text>Reconnecting; you stay signed in.</Text>}
      <Button title="Load" onPress={() => void load().then(setAnswer)} />
      <Text>{answer}</Text>
      <Button title="Sign out" onPress={() => void signIn.end()} />
    </SafeAreaView>
  );
}

async function load(): Promise<string> {
  try {
    const response = await api('https://api.example/items');
    return await response.text();
  } catch (error) {
    if (isTokenError(error)) return error.name === 'SessionError' ? '' : 'Try again in a moment.';
    throw error;
  }
}
