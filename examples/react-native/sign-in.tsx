import { exchangeCodeAsync, makeRedirectUri, useAuthRequest, useAutoDiscovery } from 'expo-auth-session';
import { useEffect } from 'react';
import { Button } from 'react-native';
import { clientId, issuer, tokens } from './session';

const redirectUri = makeRedirectUri({ scheme: 'shop' });

/** Opens the system's browser (RFC 8252) and starts a session with what comes back; PKCE is the library's default. */
export function SignIn() {
  const discovery = useAutoDiscovery(issuer);
  const scopes = ['openid', 'profile', 'offline_access'];
  const [request, result, prompt] = useAuthRequest({ clientId, redirectUri, scopes }, discovery);

  useEffect(() => {
    if (result?.type !== 'success' || !discovery || !request) return;
    const extraParams = { code_verifier: request.codeVerifier ?? '' };
    void exchangeCodeAsync({ clientId, redirectUri, code: result.params.code ?? '', extraParams }, discovery).then(
      ({ accessToken, refreshToken, idToken, expiresIn, scope }) =>
        tokens.startSession({
          access_token: accessToken,
          refresh_token: refreshToken,
          id_token: idToken,
          expires_in: expiresIn,
          scope,
        }),
    );
  }, [result, discovery, request]);

  return <Button title="Sign in" disabled={!request} onPress={() => void prompt()} />;
}
