import type { CoreClient } from '../src/core/client';
import type { Command } from '../src/core/generated/Command';
import type { CommandResult } from '../src/core/generated/CommandResult';
import type { Query } from '../src/core/generated/Query';
import type { View } from '../src/core/generated/View';
import type { CoreState } from '../src/core/state';

const ready: CoreState = {
  boot: { state: 'ready', persistent: true },
  vault: { protection: 'device', unlocked: true, autoLockMinutes: 0 },
  updateReady: false,
};

/** Stands where the core stands, for screens alone: answers come from `answer`, commands are written down. */
export function standInClient(
  answer: (query: Query) => View,
  options: { core?: Partial<CoreState>; command?: (command: Command) => CommandResult } = {},
): { client: CoreClient; commands: Command[]; changed: () => void } {
  const commands: Command[] = [];
  const views = new Map<string, View>();
  const listeners = new Set<() => void>();
  const state: CoreState = { ...ready, ...options.core };
  const stand = {
    queries: {
      subscribe: (_key: string, _query: Query, listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      view: (key: string) => {
        const held = views.get(key);
        if (held) return held;
        const view = answer(JSON.parse(key) as Query);
        views.set(key, view);
        return view;
      },
    },
    subscribe: () => () => undefined,
    snapshot: () => state,
    command: (command: Command) => {
      commands.push(command);
      return Promise.resolve(
        options.command?.(command) ?? ({ type: 'ok', reply: { type: 'done' } } as const),
      );
    },
    vault: () => Promise.resolve({ ok: true }),
    focus: () => undefined,
    updateIsReady: () => undefined,
  };
  return {
    client: stand as unknown as CoreClient,
    commands,
    changed: () => {
      views.clear();
      for (const listener of listeners) listener();
    },
  };
}
