import { useEffect, useRef } from 'react';
import { actionOf, onMac, type KeyAction } from './keys';
import { useKeys } from './useKeys';

/** Obeys the key table while the calling component is drawn. Actions that are not given are left to the browser. */
export function useShortcuts(actions: Partial<Record<KeyAction, () => void>>): void {
  const current = useRef(actions);
  useEffect(() => {
    current.current = actions;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const action = actionOf(event, onMac, useKeys.getState().chosen);
      const run = action && current.current[action];
      if (!run) return;
      event.preventDefault();
      run();
    };
    window.addEventListener('keydown', listener);
    return () => window.removeEventListener('keydown', listener);
  }, []);
}

/** Moves the focus to the next (1) or previous (-1) region of the page. */
export function moveRegion(step: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region], [role="log"]')].filter(
    (region) => region.offsetParent !== null,
  );
  if (regions.length === 0) return;
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  const next = regions[(at + step + regions.length) % regions.length];
  const target = next?.querySelector<HTMLElement>(
    'textarea, [data-message][tabindex="0"], a[aria-current], a[href], button:not(:disabled), input',
  );
  (target ?? next)?.focus();
}
