import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

/** A day's heading between messages. */
export function DaySeparator({ children }: { children: ReactNode }) {
  return <div className="pt-4 pb-1 text-center text-12 font-medium text-text-2">{children}</div>;
}

/** Where the unread messages begin. */
export function UnreadLine({ children }: { children: ReactNode }) {
  return (
    <div className="flex items-center gap-3 pt-4 text-12 font-semibold text-electric before:h-px before:flex-1 before:bg-current before:opacity-50 after:h-px after:flex-1 after:bg-current after:opacity-50">
      {children}
    </div>
  );
}

/** Something that happened in the conversation and nobody wrote. */
export function SystemLine({
  icon: Icon,
  children,
  action,
}: {
  icon?: LucideIcon;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-wrap items-center justify-center gap-1.5 pt-3 text-center text-13 text-text-2">
      {Icon && <Icon size={16} strokeWidth={2} aria-hidden className="shrink-0 text-text-3" />}
      <span>{children}</span>
      {action}
    </div>
  );
}
