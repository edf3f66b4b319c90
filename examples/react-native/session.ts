import NetInfo from '@react-native-community/netinfo';
import { createFetch, createTokenManager, tokenEndpoint } from 'evertoken';
import { reactNative } from 'evertoken/react-native';
import * as SecureStore from 'expo-secure-store';
import { AppState } from 'react-native';

export const issuer = 'https://auth.example';
export const clientId = 'shop-app';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: `${issuer}/token`, clientId }),
  platform: reactNative({ secureStore: SecureStore, appState: AppState, netInfo: NetInfo }),
});

/** Calls the API with the user's access token, and nobody else. */
export const api = createFetch(tokens, { origins: ['https://api.example'] });
