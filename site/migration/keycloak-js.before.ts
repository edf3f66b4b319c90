import Keycloak from 'keycloak-js';

const keycloak = new Keycloak({ url: 'https://sso.example', realm: 'shop', clientId: 'shop' });

export async function start(): Promise<boolean> {
  const isSignedIn = await keycloak.init({ onLoad: 'check-sso', pkceMethod: 'S256' });
  keycloak.onTokenExpired = () => {
    keycloak.updateToken(30).catch(() => keycloak.login());
  };
  return isSignedIn;
}

export async function readOrders(): Promise<unknown> {
  await keycloak.updateToken(30);
  const response = await fetch('https://api.example/orders', {
    headers: { Authorization: `Bearer ${keycloak.token}` },
  });
  return response.json();
}

export const onSignIn = (): Promise<void> => keycloak.login({ redirectUri: location.href });

export const onSignOut = (): Promise<void> => keycloak.logout({ redirectUri: 'https://shop.example/' });

export const isAdministrator = (): boolean => keycloak.hasRealmRole('administrator');
