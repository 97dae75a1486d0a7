import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { EmptyState } from './EmptyState';

/** What the address names is not on this device; on a phone nothing else is on the screen, so it leads back. */
export function Gone({
  title,
  back,
  children,
}: {
  title: string;
  back: { href: string; label: string };
  children?: ReactNode;
}) {
  return (
    <EmptyState
      title={title}
      actions={
        <a
          href={back.href}
          className="inline-flex min-h-(--hit) items-center gap-2 rounded-md px-4 font-semibold inset-ring-1 inset-ring-control hover:bg-hover forced:border"
        >
          <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="shrink-0 rtl:rotate-180" />
          {back.label}
        </a>
      }
    >
      {children}
    </EmptyState>
  );
}
