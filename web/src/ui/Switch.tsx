import { classes } from './classes';

/** The bare control. `SettingRow` gives it its words and makes the row its target. */
export function Switch({
  checked,
  onChange,
  disabled,
  labelledBy,
  describedBy,
}: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  labelledBy: string;
  describedBy?: string;
}) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={checked}
      aria-labelledby={labelledBy}
      aria-describedby={describedBy}
      disabled={disabled}
      onClick={() => onChange(!checked)}
      className={classes(
        'hit-44 relative h-6 w-10 shrink-0 rounded-full transition-colors disabled:opacity-50 forced:border',
        checked ? 'bg-accent inset-ring-1 inset-ring-accent-edge' : 'inset-ring-2 inset-ring-control',
      )}
    >
      <span
        aria-hidden
        className={classes(
          'absolute grid place-items-center rounded-full transition-all',
          checked ? 'top-[3px] left-[19px] size-[18px] bg-accent-ink' : 'top-1.5 left-1.5 size-3 bg-control',
        )}
      >
        {checked && (
          <svg viewBox="0 0 12 12" className="size-3 fill-none stroke-accent stroke-2">
            <path d="m3 6.2 2.2 2.2L9.2 4" strokeLinecap="round" strokeLinejoin="round" />
          </svg>
        )}
      </span>
    </button>
  );
}
