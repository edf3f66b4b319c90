import { createFetch, createTokenManager, tokenEndpoint } from 'evertoken';
import { reactNative } from 'evertoken/react-native';
import * as SecureStore from 'expo-secure-store';
import { AppState } from 'react-native';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop-app' }),
  platform: reactNative({ secureStore: SecureStore, appState: AppState }),
});
export const api = createFetch(tokens, { origins: ['https://api.example'] });
