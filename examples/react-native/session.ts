import NetInfo from '@react-native-community/netinfo';
import { createFetch, createTokenManager } from 'evertoken';
import { createSignIn, oauthClient, refreshWith, revokeWith } from 'evertoken/oauth';
import { reactNative } from 'evertoken/react-native';
import { CryptoDigestAlgorithm, digest, getRandomValues } from 'expo-crypto';
import * as SecureStore from 'expo-secure-store';
import { AppState } from 'react-native';

export const redirectUri = 'shop://callback';

const client = oauthClient({
  issuer: 'https://auth.example',
  clientId: 'shop-app',
  redirectUri,
  scopes: ['openid', 'profile', 'offline_access'],
});
const platform = reactNative({ secureStore: SecureStore, appState: AppState, netInfo: NetInfo });

export const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform });

/** React Native has no `crypto`; expo-crypto has what is needed of it. */
export const signIn = createSignIn({
  client,
  tokens,
  platform,
  crypto: { getRandomValues, sha256: (bytes) => digest(CryptoDigestAlgorithm.SHA256, bytes) },
});

/** Calls the API with the user's access token, and nobody else. */
export const api = createFetch(tokens, { origins: ['https://api.example'] });
