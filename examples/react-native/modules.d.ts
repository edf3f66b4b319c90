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

declare module 'expo-web-browser' {
  type Result = { type: 'success'; url: string } | { type: 'cancel' | 'dismiss' | 'opened' | 'locked' };

  export function openAuthSessionAsync(url: string, redirectUrl?: string | null): Promise<Result>;
}

declare module 'expo-linking' {
  export function getInitialURL(): Promise<string | null>;
  export function addEventListener(type: 'url', listener: (event: { url: string }) => void): { remove(): void };
}

declare module 'expo-crypto' {
  export enum CryptoDigestAlgorithm {
    SHA256 = 'SHA-256',
  }

  export function getRandomValues<T extends Uint8Array>(bytes: T): T;
  export function digest(algorithm: CryptoDigestAlgorithm, bytes: Uint8Array): Promise<ArrayBuffer>;
}
