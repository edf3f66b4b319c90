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

export const keys: KeyRing = envelopeKeys(
  vaultTransit('https://vault.example', process.env.VAULT_TOKEN ?? '', 'evertoken'),
);
