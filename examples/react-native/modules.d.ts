// What this app uses of packages that are not installed here, so that its source is checked all the same.
// An app has the packages themselves, and not this file.
declare module 'react-native' {
  import type { ReactNode } from 'react';

  export function Button(props: { title: string; disabled?: boolean; onPress: () => void }): ReactNode;
  export function SafeAreaView(props: { children: ReactNode }): ReactNode;
  export function Text(props: { children: ReactNode }): ReactNode;
}

declare module '@react-native-community/netinfo' {
  const NetInfo: import('evertoken/react-native').NetInfoLike;
  export default NetInfo;
}

declare module 'expo-auth-session' {
  interface Discovery {
    readonly tokenEndpoint?: string;
  }
  interface AuthRequest {
    readonly codeVerifier?: string;
  }
  type AuthResult = { type: 'success'; params: Record<string, string> } | { type: 'cancel' | 'dismiss' | 'error' };
  interface Client {
    clientId: string;
    redirectUri: string;
  }

  export function makeRedirectUri(options: { scheme: string }): string;
  export function useAutoDiscovery(issuer: string): Discovery | null;
  export function useAuthRequest(
    config: Client & { scopes: string[] },
    discovery: Discovery | null,
  ): [request: AuthRequest | null, result: AuthResult | null, prompt: () => Promise<AuthResult>];
  export function exchangeCodeAsync(
    config: Client & { code: string; extraParams?: Record<string, string> },
    discovery: Discovery,
  ): Promise<{ accessToken: string; refreshToken?: string; idToken?: string; expiresIn?: number; scope?: string }>;
}
