import { create } from 'zustand';

interface PendingDeletes {
  /** Hidden while "Undo" is offered, and after. */
  hidden: ReadonlySet<string>;
  hide: (ids: readonly string[]) => void;
  restore: (ids: readonly string[]) => void;
}

/** Messages that leave when their toast does; kept over the change of screens. */
export const usePendingDeletes = create<PendingDeletes>((set) => ({
  hidden: new Set(),
  hide: (ids) => set(({ hidden }) => ({ hidden: new Set([...hidden, ...ids]) })),
  restore: (ids) => set(({ hidden }) => ({ hidden: new Set([...hidden].filter((id) => !ids.includes(id))) })),
}));
