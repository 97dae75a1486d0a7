/**
 * How the database key K (32 random bytes) is kept on this device.
 * Knows: wrapped forms of K, in IndexedDB, as a versioned list of envelopes; K itself only for the length of a call.
 * Must never know: the account, its password, or what the database holds. K never derives from a password of the account.
 *
 * A non-extractable CryptoKey in IndexedDB keeps scripts from taking K away; it does not protect a stolen disk or
 * browser profile. That is what the passphrase is for.
 */
import type { DeviceWrapped } from '../messages';

const DATABASE = 'securechat-vault';
const STORE = 'vault';
const RECORD = 'record';
const KEY_BYTES = 32;
/** A random name for this vault: it is older than the account, and opens before the account can be read. */
const ID_BYTES = 48;

export interface VaultRecord {
  version: 1;
  /** What every envelope is bound to. */
  id: Uint8Array<ArrayBuffer>;
  /** Any of them opens the vault. A reader ignores kinds it does not know (passkeys come later). */
  envelopes: Envelope[];
  /** The database was open once: its absence now means that the browser evicted it. */
  opened: boolean;
  autoLockMinutes: number;
}

export type Envelope =
  | { type: 'device'; version: 1; wrapped: DeviceWrapped }
  /** Argon2id 64 MiB, t = 3; layout in `crypto::vault_key`. */
  | { type: 'passphrase'; version: 1; sealed: Uint8Array<ArrayBuffer> };

export type Protection = 'device' | 'passphrase';

export function protection(record: VaultRecord): Protection {
  return record.envelopes.some((envelope) => envelope.type === 'device') ? 'device' : 'passphrase';
}

export async function readVault(): Promise<VaultRecord | null> {
  const found = await transact(
    'readonly',
    (store) => store.get(RECORD) as IDBRequest<VaultRecord | undefined>,
  );
  if (found === undefined) return null;
  // A record of a later version is not for us to touch.
  if ((found.version as number) !== 1) throw new VaultTooNew();
  return found;
}

export class VaultTooNew extends Error {}

/** Writes and reads back: a record that cannot be read again must be noticed while the old one is still at hand. */
export async function writeVault(record: VaultRecord): Promise<void> {
  await transact('readwrite', (store) => store.put(record, RECORD));
  const held = await readVault();
  if (held?.envelopes.length !== record.envelopes.length)
    throw new Error('the vault record does not read back');
}

export async function deleteVault(): Promise<void> {
  await transact('readwrite', (store) => store.delete(RECORD));
}

/** A new vault around a new K, held by this device. The caller wipes `key`. */
export async function createVault(): Promise<{ record: VaultRecord; key: Uint8Array<ArrayBuffer> }> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  const wrapped = await wrapForDevice(key, id);
  const record: VaultRecord = {
    version: 1,
    id,
    envelopes: [{ type: 'device', version: 1, wrapped }],
    opened: false,
    autoLockMinutes: 0,
  };
  await writeVault(record);
  return { record, key };
}

export async function wrapForDevice(
  key: Uint8Array<ArrayBuffer>,
  id: Uint8Array<ArrayBuffer>,
): Promise<DeviceWrapped> {
  const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
    'encrypt',
    'decrypt',
  ]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: bound(id) },
    wrapping,
    key,
  );
  return { key: wrapping, iv, ciphertext: new Uint8Array(sealed) };
}

/** Null when the envelope does not open. The caller wipes the answer. */
export async function unwrapForDevice(
  wrapped: DeviceWrapped,
  id: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const opened = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: wrapped.iv, additionalData: bound(id) },
      wrapped.key,
      wrapped.ciphertext,
    );
    return opened.byteLength === KEY_BYTES ? new Uint8Array(opened) : null;
  } catch {
    return null;
  }
}

function bound(id: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const label = new TextEncoder().encode('SC1/vault/device/1');
  const data = new Uint8Array(label.length + id.length);
  data.set(label);
  data.set(id, label.length);
  return data;
}

function transact<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(failure(opening.error));
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode, { durability: 'strict' });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result);
      };
      transaction.onabort = () => {
        database.close();
        reject(failure(transaction.error));
      };
    };
  });
}

function failure(error: DOMException | null): Error {
  return error ?? new Error('IndexedDB failed');
}
