import { SignInError } from 'evertoken/oauth';
import * as Linking from 'expo-linking';
import { openAuthSessionAsync } from 'expo-web-browser';
import { useEffect, useState } from 'react';
import { Button, Text } from 'react-native';
import { redirectUri, signIn } from './session';

/** Opens the system's browser (RFC 8252), and takes the address that it comes back with. */
export function SignIn() {
  const [problem, setProblem] = useState('');
  const enter = async (): Promise<void> => {
    const back = await openAuthSessionAsync(await signIn.begin(), redirectUri);
    if (back.type === 'success') await signIn.finish(back.url);
  };

  // Android may say "dismiss" and bring the address by itself, even to a new process: the code is sent once all the same.
  useEffect(() => {
    const arrive = (url: string | null): void => {
      if (url) signIn.finish(url).catch((error: unknown) => setProblem(describe(error)));
    };
    void Linking.getInitialURL().then(arrive);
    const listener = Linking.addEventListener('url', ({ url }) => arrive(url));
    return () => listener.remove();
  }, []);

  return (
    <>
      <Button title="Sign in" onPress={() => void enter().catch((error: unknown) => setProblem(describe(error)))} />
      <Text>{problem}</Text>
    </>
  );
}

/** What to tell the user; nothing where they have changed their mind. */
function describe(error: unknown): string {
  if (!(error instanceof SignInError)) return 'Something went wrong.';
  return error.code === 'ERR_SIGN_IN_CANCELLED' ? '' : error.message;
}
