/** Stand-ins for the tests of this folder: the engine's module, the browser's storage, the lock between tabs. */
import { vi } from 'vitest';
import type { EngineModule } from './engine';

/** What stays when a worker ends: the database, and the record of the vault. */
export class Disk {
  exists = false;
  /** The key the database was made with. */
  key: string | null = null;
  records = new Map<string, unknown>();
  /** How often the browser still says that the files are in use. */
  busy = 0;

  install(): void {
    // A worker hears of the network here.
    vi.stubGlobal('addEventListener', () => {});
    vi.stubGlobal('indexedDB', { open: () => this.database() });
    vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.resolve(this.folder()) } });
  }

  private folder(): { removeEntry: (name: string) => Promise<void> } {
    return {
      removeEntry: () => {
        if (this.busy > 0) {
          this.busy -= 1;
          return Promise.reject(new DOMException('in use', 'NoModificationAllowedError'));
        }
        if (!this.exists) return Promise.reject(new DOMException('none', 'NotFoundError'));
        this.exists = false;
        return Promise.resolve();
      },
    };
  }

  private database(): object {
    const request = (result: unknown) => ({ result });
    const objectStore = {
      get: (name: string) => request(structuredClone(this.records.get(name))),
      put: (value: unknown, name: string) => request(this.records.set(name, structuredClone(value))),
      delete: (name: string) => request(this.records.delete(name)),
    };
    const transaction = () => {
      const running = { objectStore: () => objectStore, oncomplete: () => {} };
      queueMicrotask(() => running.oncomplete());
      return running;
    };
    const opening = {
      result: { transaction, close: () => {}, createObjectStore: () => objectStore },
      onupgradeneeded: () => {},
      onsuccess: () => {},
    };
    queueMicrotask(() => {
      opening.onupgradeneeded();
      opening.onsuccess();
    });
    return opening;
  }
}

const text = (bytes: Uint8Array) => Array.from(bytes).join(',');

/** An engine that only opens, closes and wraps keys; `part` says what else it does. */
export function standInEngine(disk: Disk, part: Partial<EngineModule> = {}): EngineModule {
  return {
    install_pool: vi.fn(() => Promise.resolve()),
    store_exists: vi.fn(() => disk.exists),
    open: vi.fn((key: Uint8Array) => {
      const named = text(key);
      if (disk.exists && disk.key !== named) throw 'wrong_key' as unknown as Error;
      disk.exists = true;
      disk.key = named;
    }),
    open_in_memory: vi.fn(),
    handle: vi.fn(() => '[]'),
    query: vi.fn(() => '{"type":"not_found"}'),
    next_deadline: vi.fn(() => undefined),
    close: vi.fn(),
    release_pool: vi.fn(),
    seal_key: vi.fn((key: Uint8Array, passphrase: Uint8Array) =>
      new TextEncoder().encode(`${text(passphrase)}|${text(key)}`),
    ),
    open_key: vi.fn((sealed: Uint8Array, passphrase: Uint8Array) => {
      const [wanted, key] = new TextDecoder().decode(sealed).split('|');
      return wanted === text(passphrase) ? Uint8Array.from((key ?? '').split(',').map(Number)) : undefined;
    }),
    ...part,
  } as unknown as EngineModule;
}

/** Runs what waits for promises only; keys are wrapped by the real WebCrypto, which takes its own time. */
export async function until(holds: () => boolean): Promise<void> {
  await vi.waitFor(() => {
    if (!holds()) throw new Error('not yet');
  });
}
