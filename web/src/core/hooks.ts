/** The public face of the core for React. */
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useClient } from './CoreProvider';
import type { Command } from './generated/Command';
import type { CommandResult } from './generated/CommandResult';
import type { ConversationId } from './generated/ConversationId';
import type { Query } from './generated/Query';
import type { View } from './generated/View';
import type { CoreState, StorageState, VaultResult, VaultState } from './state';
import { withdrawNotice } from './notifications';
import { askToPersist, readStorageState } from './storage';

export type ViewOf<Q extends Query> = Extract<View, { type: Q['type'] }> | { type: 'not_found' };

/**
 * The newest answer to `query`, drawn again whenever the engine says that it changed.
 * `undefined` until the first answer is here, and for a null query.
 */
export function useQuery<const Q extends Query>(query: Q | null): ViewOf<Q> | undefined {
  const { queries } = useClient();
  const key = query ? JSON.stringify(query) : null;
  const subscribe = useCallback(
    (listener: () => void) =>
      key === null ? () => {} : queries.subscribe(key, JSON.parse(key) as Query, listener),
    [queries, key],
  );
  const view = useSyncExternalStore(subscribe, () => (key === null ? undefined : queries.view(key)));
  return view as ViewOf<Q> | undefined;
}

/** Carries out commands. The promise never rejects: look at `result.type`. */
export function useCommand(): (command: Command) => Promise<CommandResult> {
  return useClient().command;
}

/** Boot state, vault state, waiting update. */
export function useCore(): CoreState {
  const client = useClient();
  return useSyncExternalStore(client.subscribe, client.snapshot);
}

export interface Vault extends VaultState {
  /** Possible only with a passphrase: without one, this device opens the vault by itself. */
  canLock: boolean;
  lock(): Promise<VaultResult>;
  unlock(passphrase: string): Promise<VaultResult>;
  /** Sets or changes the passphrase; `current` is null when there is none yet. */
  setPassphrase(next: string, current: string | null): Promise<VaultResult>;
  /** Gives up the passphrase: this device opens the vault by itself again. */
  rememberDevice(current: string): Promise<VaultResult>;
  setAutoLock(minutes: number): Promise<VaultResult>;
  /** Deletes the database and the keys of this browser. Cannot be undone. */
  forget(): Promise<VaultResult>;
  /** Goes on without storage: everything is gone when the last tab closes. */
  useMemory(): Promise<VaultResult>;
  /** Tries to open again after a failure. */
  retry(): Promise<VaultResult>;
}

export function useVault(): Vault {
  const client = useClient();
  const { vault } = useCore();
  return useMemo(
    () => ({
      ...vault,
      canLock: vault.protection === 'passphrase',
      lock: () => client.vault({ op: 'lock' }),
      unlock: (passphrase) => client.vault({ op: 'unlock', passphrase }),
      setPassphrase: (next, current) => client.vault({ op: 'set_passphrase', next, current }),
      rememberDevice: (current) => client.vault({ op: 'remember_device', current }),
      setAutoLock: (minutes) => client.vault({ op: 'set_auto_lock', minutes }),
      forget: () => client.vault({ op: 'forget' }),
      useMemory: () => client.vault({ op: 'use_memory' }),
      retry: () => client.vault({ op: 'retry' }),
    }),
    [client, vault],
  );
}

/** Tells the engine which conversation is on screen, for as long as the calling component is. */
export function useFocus(conversationId: ConversationId | null): void {
  const { focus } = useClient();
  useEffect(() => {
    focus(conversationId);
    if (conversationId === null) return;
    const read = () => {
      if (document.visibilityState === 'visible') void withdrawNotice(conversationId);
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => {
      document.removeEventListener('visibilitychange', read);
      focus(null);
    };
  }, [focus, conversationId]);
}

export interface Storage extends StorageState {
  /** Asks the browser never to evict the database. Call it inside a click, after sign-up. */
  persist(): Promise<void>;
}

export function useStorage(): Storage {
  const [state, setState] = useState<StorageState>({
    persisted: 'unknown',
    usageBytes: null,
    quotaBytes: null,
  });
  useEffect(() => {
    void readStorageState().then(setState);
  }, []);
  const persist = useCallback(async () => {
    await askToPersist();
    setState(await readStorageState());
  }, []);
  return { ...state, persist };
}
