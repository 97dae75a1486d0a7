import { classes } from './classes';

/** A ring that turns while something runs; the words beside it say what. Stands still with reduced motion. */
export function Spinner({ size = 20, className }: { size?: 16 | 20 | 24; className?: string }) {
  return (
    <svg
      viewBox="0 0 20 20"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      aria-hidden
      className={classes('motion-safe:animate-[spin_900ms_linear_infinite]', className)}
    >
      <circle cx="10" cy="10" r="8" opacity=".25" />
      <path d="M10 2a8 8 0 0 1 8 8" />
    </svg>
  );
}
