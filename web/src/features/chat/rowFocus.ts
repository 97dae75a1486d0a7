import { isInView } from '../../ui/inView';

/** For so long a row that shall have the focus waits until it can. */
const FRAMES = 60;

export const rowOf = (scroller: HTMLElement | null, id: string) =>
  scroller?.querySelector<HTMLElement>(`[data-message="${CSS.escape(id)}"]`) ?? null;

/** Nobody writes there. */
const isFree = (at: Element | null) => at === document.body || at?.closest('[data-message]') != null;

/**
 * Gives the focus to the row as soon as it can have it: one that was never measured is hidden, and a dialog needs some
 * frames to give its focus up. Where the focus goes meanwhile it stays. The answer stops it.
 */
export function focusRow(
  find: () => HTMLElement | null,
  options?: FocusOptions,
  onEnd: () => void = () => {},
): () => void {
  const from = document.activeElement;
  let frame = 0;
  const attempt = (frames: number) => {
    const at = document.activeElement;
    const row = find();
    const elsewhere = at !== from && at !== document.body;
    if (isFree(at) && !elsewhere && !row?.contains(at)) row?.focus(options);
    const arrived = row?.contains(document.activeElement) === true;
    if (arrived || elsewhere || frames === 0) onEnd();
    else frame = requestAnimationFrame(() => attempt(frames - 1));
  };
  frame = requestAnimationFrame(() => attempt(FRAMES));
  return () => cancelAnimationFrame(frame);
}

/** Focuses the message if it is on screen, and answers whether it is. */
export function focusRowInView(id: string): boolean {
  const scroller = document.querySelector<HTMLElement>('[role="log"]');
  const row = rowOf(scroller, id);
  if (!scroller || !row || !isInView(row, scroller)) return false;
  row.focus({ preventScroll: true });
  return true;
}
