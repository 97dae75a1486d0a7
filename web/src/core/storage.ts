/** What the browser promises about keeping our files. */
import type { StorageState } from './state';

export async function askToPersist(): Promise<boolean> {
  try {
    return await navigator.storage.persist();
  } catch {
    return false;
  }
}

export async function readStorageState(): Promise<StorageState> {
  try {
    const [persisted, estimate] = await Promise.all([
      navigator.storage.persisted(),
      navigator.storage.estimate(),
    ]);
    return {
      persisted: persisted ? 'granted' : 'refused',
      usageBytes: estimate.usage ?? null,
      quotaBytes: estimate.quota ?? null,
    };
  } catch {
    return { persisted: 'unknown', usageBytes: null, quotaBytes: null };
  }
}
