// What examples/hello-react-native.ts uses of packages that are not installed here.
declare module 'react-native' {
  export const AppState: import('evertoken/react-native').AppStateLike;
}
declare module 'expo-secure-store' {
  const store: import('evertoken/react-native').SecureStoreLike;
  export const { getItemAsync, setItemAsync, deleteItemAsync }: typeof store;
}
