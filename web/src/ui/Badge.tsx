import { classes } from './classes';

/** A count. Quiet for muted chats. */
export function Badge({
  count,
  quiet,
  small,
  label,
}: {
  count: number;
  quiet?: boolean;
  small?: boolean;
  label?: string;
}) {
  return (
    <span
      className={classes(
        'inline-grid place-items-center rounded-full leading-none font-semibold tabular-nums inset-ring-1 forced:border',
        small ? 'h-4 min-w-4 px-1 text-[0.6875rem]' : 'h-5 min-w-5 px-1.5 text-12',
        quiet ? 'text-text-2 inset-ring-control' : 'bg-accent text-accent-ink inset-ring-accent-edge',
      )}
    >
      <span aria-hidden={label ? true : undefined}>{count > 999 ? '999+' : count}</span>
      {label && <span className="sr-only">{label}</span>}
    </span>
  );
}
