import { generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { awsKms, azureKeys, googleKms, vaultTransit } from '../../examples/kms.js';
import { encrypted, envelopeKeys, type KmsLike } from '../../src/adapters/encryption.js';
import { createKms } from '../support/kms.js';

afterEach(() => void vi.unstubAllGlobals());

/** What such a service does: it wraps under a key of its own, and a context that is not the same does not open. */
const service = createKms('service');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function overVault(): KmsLike {
  vi.stubGlobal('fetch', async (url: string, { body, headers }: { body: string; headers: Record<string, string> }) => {
    expect(headers['X-Vault-Token']).toBe('hvs.test');
    const { plaintext, ciphertext } = JSON.parse(body) as Record<string, string>;
    if (url === 'https://vault.example/v1/transit/encrypt/evertoken') {
      const wrapped = await service.wrap(Buffer.from(plaintext ?? '', 'base64'), '');
      return Response.json({ data: { ciphertext: `vault:v1:${Buffer.from(wrapped).toString('base64')}` } });
    }
    expect(url).toBe('https://vault.example/v1/transit/decrypt/evertoken');
    const opened = await service.unwrap(Buffer.from((ciphertext ?? '').slice('vault:v1:'.length), 'base64'), '');
    return Response.json({ data: { plaintext: Buffer.from(opened).toString('base64') } });
  });
  return vaultTransit('https://vault.example', 'hvs.test', 'evertoken');
}

function overAws(): KmsLike {
  const client = {
    encrypt: async ({ Plaintext, EncryptionContext }: Parameters<Parameters<typeof awsKms>[0]['encrypt']>[0]) => ({
      CiphertextBlob: await service.wrap(Plaintext, JSON.stringify(EncryptionContext)),
    }),
    decrypt: async ({ CiphertextBlob, EncryptionContext }: Parameters<Parameters<typeof awsKms>[0]['decrypt']>[0]) => ({
      Plaintext: await service.unwrap(CiphertextBlob, JSON.stringify(EncryptionContext)),
    }),
  };
  return awsKms(client, 'alias/evertoken', 'aws');
}

/** Its client gives bytes, or base64 where it speaks JSON. */
function overGoogle(isJson: boolean): KmsLike {
  const answer = (bytes: Uint8Array) => (isJson ? Buffer.from(bytes).toString('base64') : bytes);
  const client: Parameters<typeof googleKms>[0] = {
    encrypt: async ({ plaintext, additionalAuthenticatedData }) => [
      { ciphertext: answer(await service.wrap(plaintext, text(additionalAuthenticatedData))) },
    ],
    decrypt: async ({ ciphertext, additionalAuthenticatedData }) => [
      { plaintext: answer(await service.unwrap(ciphertext, text(additionalAuthenticatedData))) },
    ],
  };
  return googleKms(client, 'projects/p/locations/l/keyRings/r/cryptoKeys/k', 'google');
}

const versions = new Map(
  ['https://v.example/keys/k/1', 'https://v.example/keys/k/2'].map((keyId) => [
    keyId,
    generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ]),
);

function overAzure(version: 1 | 2): KmsLike {
  const clientOf = (keyId: string) => {
    const pair = versions.get(keyId);
    if (!pair) throw new Error(`There is no key ${keyId}.`);
    return {
      wrapKey: async (_: string, key: Uint8Array) => ({
        result: publicEncrypt({ key: pair.publicKey, oaepHash: 'sha256' }, key),
      }),
      unwrapKey: async (_: string, wrapped: Uint8Array) => ({
        result: privateDecrypt({ key: pair.privateKey, oaepHash: 'sha256' }, wrapped),
      }),
    };
  };
  return azureKeys(clientOf, `https://v.example/keys/k/${version}`, `azure-${version}`);
}

test.each<[string, () => KmsLike, () => KmsLike]>([
  ['Vault transit', overVault, overVault],
  ['AWS KMS', overAws, overAws],
  ['Google Cloud KMS', () => overGoogle(false), () => overGoogle(true)],
  ['Azure Key Vault, also after a new version of the key', () => overAzure(1), () => overAzure(2)],
])('kms: what one process has sealed opens in the next, by %s', async (_, first, next) => {
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  await encrypted(storage, envelopeKeys(first())).setItem('evertoken:a', 'a secret');
  expect([...items.values()].join()).not.toContain('a secret');
  expect(await encrypted(storage, envelopeKeys(next())).getItem('evertoken:a')).toBe('a secret');
});
