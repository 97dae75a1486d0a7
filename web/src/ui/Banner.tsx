import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';

/** A strip that says what is different now and what happens next. Never a dialog. */
export function Banner({
  icon: Icon,
  title,
  children,
  action,
  tone = 'warning',
  boxed,
}: {
  icon: LucideIcon;
  title?: string;
  children: ReactNode;
  action?: ReactNode;
  tone?: 'warning' | 'danger' | 'info';
  boxed?: boolean;
}) {
  const tones = {
    warning: 'border-warning-edge bg-warning-tint text-warning',
    danger: 'border-danger bg-danger-tint text-danger',
    info: 'border-divider bg-primary-tint text-primary-text',
  };
  return (
    <div
      role={tone === 'danger' ? 'alert' : 'status'}
      className={classes(
        'flex shrink-0 flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5 text-13 md:px-5',
        tones[tone],
        boxed ? 'rounded-md border' : 'border-b',
      )}
    >
      <Icon size={20} strokeWidth={1.75} aria-hidden className="shrink-0" />
      <p className="min-w-40 flex-1 text-text">
        {title && <b className="font-semibold">{title} </b>}
        {children}
      </p>
      {action}
    </div>
  );
}
