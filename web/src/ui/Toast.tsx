import { useLingui } from '@lingui/react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

export interface ToastData {
  id: number;
  text: string;
  /** Offers "Undo" while the seconds run. What comes back with it takes the focus that was on the offer. */
  onUndo?: () => void;
  /** Called once when the toast leaves without an undo. */
  onExpire?: () => void;
  seconds: number;
}

/** One line of feedback at the bottom; counts down when it can be undone. */
export function Toast({
  toast,
  onGone,
}: {
  toast: ToastData;
  onGone: (id: number, undone: boolean) => void;
}) {
  const { _ } = useLingui();
  const [left, setLeft] = useState(toast.seconds);
  useEffect(() => {
    if (left <= 0) {
      onGone(toast.id, false);
      return;
    }
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left, onGone, toast.id]);
  return (
    <div className="pointer-events-auto flex min-h-11 max-w-full animate-enter items-center gap-3 rounded-md bg-toast ps-4 pe-2 text-white shadow-2 forced:border">
      <span className="py-2.5">{toast.text}</span>
      {toast.onUndo ? (
        <button
          type="button"
          // The mouse takes no focus along: it would be lost with the toast.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onGone(toast.id, true)}
          className="min-h-9 rounded-[8px] px-2.5 font-semibold text-toast-action tabular-nums hover:bg-white/10 focus-visible:outline-toast-action"
        >
          {_('ui.undo')}
          <span aria-hidden>, {left}</span>
        </button>
      ) : (
        <span className="pe-2" />
      )}
    </div>
  );
}

/** Where toasts appear; announced politely. */
export function ToastRegion({
  toasts,
  onGone,
}: {
  toasts: readonly ToastData[];
  onGone: (id: number, undone: boolean) => void;
}) {
  const { _ } = useLingui();
  const inside = useRef(false);
  const cameFrom = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    inside.current = false;
    cameFrom.current?.focus();
  }, [toasts]);
  const leave = useCallback(
    (id: number, undone: boolean) => {
      if (undone) inside.current = false;
      onGone(id, undone);
    },
    [onGone],
  );
  return (
    <section
      onFocus={({ currentTarget, relatedTarget }) => {
        inside.current = true;
        if (relatedTarget instanceof HTMLElement && !currentTarget.contains(relatedTarget))
          cameFrom.current = relatedTarget;
      }}
      onBlur={() => (inside.current = false)}
      aria-label={_('ui.notices')}
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-24 z-50 flex flex-col items-center gap-2 md:bottom-8"
    >
      {toasts.map((toast) => (
        <Toast key={toast.id} toast={toast} onGone={leave} />
      ))}
    </section>
  );
}
