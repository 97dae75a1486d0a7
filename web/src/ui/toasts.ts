import { create } from 'zustand';
import type { ToastData } from './Toast';

interface Toasts {
  toasts: ToastData[];
  show: (toast: Omit<ToastData, 'id' | 'seconds'>) => void;
  gone: (id: number, undone: boolean) => void;
  /** What was still to happen when a toast leaves happens now: the page closes, or the vault locks. */
  settle: () => void;
  /** Nothing of it concerns the screen that is shown now. */
  drop: () => void;
}

let nextId = 1;

/** Feedback on what a person just did. What can be undone happens when its toast leaves. */
export const useToasts = create<Toasts>((set, get) => ({
  toasts: [],
  show: (toast) => {
    const before = get().toasts;
    const pushedOut = before.slice(0, Math.max(0, before.length - 2));
    set({ toasts: [...before.slice(-2), { ...toast, id: nextId++, seconds: 5 }] });
    for (const left of pushedOut) left.onExpire?.();
  },
  gone: (id, undone) => {
    const toast = get().toasts.find((candidate) => candidate.id === id);
    set(({ toasts }) => ({ toasts: toasts.filter((candidate) => candidate.id !== id) }));
    if (undone) toast?.onUndo?.();
    else toast?.onExpire?.();
  },
  settle: () => {
    const left = get().toasts;
    set({ toasts: [] });
    for (const toast of left) toast.onExpire?.();
  },
  drop: () => set({ toasts: [] }),
}));
