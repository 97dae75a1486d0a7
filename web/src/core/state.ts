/**
 * What the core tells screens about itself: boot, vault, storage.
 * Knows nothing of people, conversations or keys.
 */

/** Where the core stands. Nothing is ever deleted by itself in a `failed` state: the person decides. */
export type BootState =
  | { state: 'starting' }
  /** `persistent` is false only after the person chose to go on without storage. */
  | { state: 'ready'; persistent: boolean }
  /** The database key needs the passphrase. */
  | { state: 'locked' }
  | { state: 'failed'; kind: BootFailure };

export type BootFailure =
  /** Another browser window outside our reach holds the files (a frozen tab, a crashed process). */
  | 'locked_by_another'
  /** The stored key does not open the database. */
  | 'wrong_key'
  /** A database is there, its wrapped key is gone (the browser evicted a part of the storage). */
  | 'key_missing'
  /** The key is there, the database is gone (the browser evicted it). */
  | 'evicted'
  | 'full'
  /** The browser has no private file storage here (private window, old browser). Memory mode can be chosen. */
  | 'no_storage'
  /** The database was written by a newer version: reload. */
  | 'too_new'
  | 'corrupt'
  /** The core crashed again and again. */
  | 'crashed';

export interface VaultState {
  /** How the database key is held on this device. `unset` before the first start has finished. */
  protection: 'unset' | 'device' | 'passphrase';
  unlocked: boolean;
  /** Minutes without input until the vault locks itself; 0 = never. Only with a passphrase. */
  autoLockMinutes: number;
}

/** Why a vault operation did not happen. */
export type VaultRefusal = 'wrong_passphrase' | 'passphrase_too_short' | 'needs_passphrase' | 'failed';
export type VaultResult = { ok: true } | { ok: false; reason: VaultRefusal };

export const PASSPHRASE_CHARACTERS_MIN = 8;

export interface StorageState {
  /** `unknown` until asked. */
  persisted: 'unknown' | 'granted' | 'refused';
  usageBytes: number | null;
  quotaBytes: number | null;
}

export interface CoreState {
  boot: BootState;
  vault: VaultState;
  /** A newer version of the app is installed and waits for a reload. */
  updateReady: boolean;
}

export const INITIAL_STATE: CoreState = {
  boot: { state: 'starting' },
  vault: { protection: 'unset', unlocked: false, autoLockMinutes: 0 },
  updateReady: false,
};
