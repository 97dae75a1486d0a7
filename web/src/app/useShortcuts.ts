import { useEffect, useRef } from 'react';
import { isInView } from '../ui/inView';
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

/** What takes the focus in a region, the first that is shown: where one writes, where one was, what comes first. */
const entrances = [
  'textarea:not(:disabled)',
  '[data-message][tabindex="0"]',
  '[data-message]',
  'a[aria-current]',
  'a[href]:not([tabindex="-1"]), button:not(:disabled):not([tabindex="-1"]), input:not(:disabled)',
];

const isShown = (element: HTMLElement) => element.checkVisibility({ visibilityProperty: true });

/** Whoever enters the messages stays where they read; elsewhere the screen may move. */
function enter(region: HTMLElement): void {
  const reading = region.matches('[role="log"]');
  const entrance = entrances
    .flatMap((selector) => [...region.querySelectorAll<HTMLElement>(selector)])
    .find((element) => isShown(element) && (!reading || isInView(element, region)));
  (entrance ?? region).focus({ preventScroll: reading });
}

/** Moves the focus to the next (1) or previous (-1) region of the page, past those in which nothing can have it. */
export function moveRegion(step: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region], [role="log"]')].filter(isShown);
  if (step === -1) regions.reverse();
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  for (const region of [...regions.slice(at + 1), ...regions.slice(0, Math.max(at, 0))]) {
    enter(region);
    if (region.contains(document.activeElement)) return;
  }
}
