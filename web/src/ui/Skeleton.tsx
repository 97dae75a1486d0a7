import { classes } from './classes';

/** A quiet shape that holds the place of something being read. Does not loop. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={classes('block rounded-sm bg-press', className)} />;
}
