import type { ReactNode } from 'react';
import { classes } from './classes';

/** A filter that is on or off. */
export function Chip({
  pressed,
  onPress,
  children,
}: {
  pressed: boolean;
  onPress: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={onPress}
      className={classes(
        'hit-44 inline-flex h-8 shrink-0 items-center gap-1.5 rounded-full border px-3 text-13 whitespace-nowrap transition-colors',
        pressed
          ? 'border-accent-edge bg-accent font-semibold text-accent-ink'
          : 'border-divider font-medium text-text-2 hover:bg-hover',
      )}
    >
      {children}
    </button>
  );
}
