import type { ReactNode } from 'react';

/** Nothing here yet: always says the one next action. */
export function EmptyState({
  title,
  children,
  actions,
  art,
}: {
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  art?: ReactNode;
}) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center-safe gap-2 p-8 text-center">
      {art && <div className="mb-3">{art}</div>}
      <h2 className="text-20 tracking-tight">{title}</h2>
      {children && <div className="max-w-95 text-balance text-text-2">{children}</div>}
      {actions && <div className="mt-4 flex flex-wrap justify-center gap-3">{actions}</div>}
    </div>
  );
}

/** Two bubbles, drawn. */
export function BubblesArt() {
  return (
    <svg width="144" height="96" viewBox="0 0 144 96" fill="none" aria-hidden>
      <rect
        x="1"
        y="13"
        width="92"
        height="48"
        rx="16"
        className="fill-surface stroke-divider"
        strokeWidth="2"
      />
      <rect x="17" y="29" width="48" height="5" rx="2.5" className="fill-divider" />
      <rect x="17" y="41" width="32" height="5" rx="2.5" className="fill-divider" />
      <path
        d="M67 35h60c9 0 16 7 16 16v17c0 8.8-7.2 16-16 16H83c-8.8 0-16-7.2-16-16z"
        className="fill-primary stroke-bg [paint-order:stroke]"
        strokeWidth="6"
      />
      <circle cx="91" cy="60" r="3.5" className="fill-white" />
      <circle cx="105" cy="60" r="3.5" className="fill-white" />
      <circle cx="119" cy="60" r="3.5" className="fill-accent" />
    </svg>
  );
}
