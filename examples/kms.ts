import { envelopeKeys, type KeyRing, type KmsLike } from 'evertoken/encryption';

/** HashiCorp Vault or OpenBao, by its transit engine. */
export function vaultTransit(url: string, token: string, key: string): KmsLike {
  const ask = async (what: 'encrypt' | 'decrypt', body: object): Promise<Record<string, string>> => {
    const headers = { 'X-Vault-Token': token, 'Content-Type': 'application/json' };
    const response = await fetch(`${url}/v1/transit/${what}/${key}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw Object.assign(new Error('Vault refused'), { code: `VAULT_${response.status}` });
    return (await response.json()).data;
  };
  return {
    id: key,
    wrap: async (dataKey) =>
      Buffer.from((await ask('encrypt', { plaintext: Buffer.from(dataKey).toString('base64') })).ciphertext ?? ''),
    unwrap: async (wrapped) =>
      Buffer.from((await ask('decrypt', { ciphertext: Buffer.from(wrapped).toString() })).plaintext ?? '', 'base64'),
  };
}

/** What is called of `KMS` of `@aws-sdk/client-kms`. */
interface AwsKms {
  encrypt(input: {
    KeyId: string;
    Plaintext: Uint8Array;
    EncryptionContext: Record<string, string>;
  }): Promise<{ CiphertextBlob?: Uint8Array }>;
  decrypt(input: {
    CiphertextBlob: Uint8Array;
    EncryptionContext: Record<string, string>;
  }): Promise<{ Plaintext?: Uint8Array }>;
}

/** AWS KMS: it finds the key of a wrapped data key by itself, so a new `KeyId` needs nothing but a new `id`. */
export function awsKms(kms: AwsKms, KeyId: string, id: string): KmsLike {
  const EncryptionContextOf = (context: string) => ({ purpose: context });
  return {
    id,
    wrap: async (Plaintext, context) =>
      (await kms.encrypt({ KeyId, Plaintext, EncryptionContext: EncryptionContextOf(context) })).CiphertextBlob ??
      new Uint8Array(),
    unwrap: async (CiphertextBlob, context) =>
      (await kms.decrypt({ CiphertextBlob, EncryptionContext: EncryptionContextOf(context) })).Plaintext ??
      new Uint8Array(),
  };
}

/** What is called of `KeyManagementServiceClient` of `@google-cloud/kms`. */
interface GoogleKms {
  encrypt(request: {
    name: string;
    plaintext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ ciphertext?: Uint8Array | string | null }, ...unknown[]]>;
  decrypt(request: {
    name: string;
    ciphertext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ plaintext?: Uint8Array | string | null }, ...unknown[]]>;
}

/** Google Cloud KMS; `name` is `projects/…/cryptoKeys/…`, without a version, so that its rotation needs nothing here. */
export function googleKms(kms: GoogleKms, name: string, id: string): KmsLike {
  const bytes = (data: Uint8Array | string | null | undefined) => Buffer.from((data ?? '') as string, 'base64');
  return {
    id,
    wrap: async (plaintext, context) => {
      const additionalAuthenticatedData = Buffer.from(context);
      return bytes((await kms.encrypt({ name, plaintext, additionalAuthenticatedData }))[0].ciphertext);
    },
    unwrap: async (ciphertext, context) => {
      const additionalAuthenticatedData = Buffer.from(context);
      return bytes((await kms.decrypt({ name, ciphertext, additionalAuthenticatedData }))[0].plaintext);
    },
  };
}

/** What is called of `CryptographyClient` of `@azure/keyvault-keys`: `(keyId) => new CryptographyClient(keyId, credential)`. */
interface AzureKeys {
  wrapKey(algorithm: 'RSA-OAEP-256', key: Uint8Array): Promise<{ result: Uint8Array }>;
  unwrapKey(algorithm: 'RSA-OAEP-256', wrapped: Uint8Array): Promise<{ result: Uint8Array }>;
}

/** Azure Key Vault; `keyId` names a version of a key, and goes in front of what it has wrapped: older ones open by theirs. */
export function azureKeys(clientOf: (keyId: string) => AzureKeys, keyId: string, id: string): KmsLike {
  return {
    id,
    wrap: async (dataKey) =>
      Buffer.concat([Buffer.from(`${keyId}\n`), (await clientOf(keyId).wrapKey('RSA-OAEP-256', dataKey)).result]),
    unwrap: async (wrapped) => {
      const end = wrapped.indexOf(0x0a);
      const client = clientOf(Buffer.from(wrapped.subarray(0, end)).toString());
      return (await client.unwrapKey('RSA-OAEP-256', wrapped.subarray(end + 1))).result;
    },
  };
}

export const keys: KeyRing = envelopeKeys(
  vaultTransit('https://vault.example', process.env.VAULT_TOKEN ?? '', 'evertoken'),
);
