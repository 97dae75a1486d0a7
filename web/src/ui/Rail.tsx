import { useLingui } from '@lingui/react';
import type { LucideIcon } from 'lucide-react';
import { Avatar } from './Avatar';
import { Badge } from './Badge';
import { classes } from './classes';
import { Logo } from './Logo';

export interface NavEntry {
  id: string;
  label: string;
  icon: LucideIcon;
  href: string;
  current: boolean;
  count?: number;
  /** In the rail: stands at the bottom. */
  last?: boolean;
}

/** Main places, at the side of wide screens. */
export function Rail({
  entries,
  person,
}: {
  entries: readonly NavEntry[];
  person: { name: string; seed: number; href: string; current: boolean };
}) {
  const { _ } = useLingui();
  return (
    <nav
      aria-label={_('ui.mainNavigation')}
      data-region
      className="hidden flex-col items-center gap-1 py-3 md:flex"
    >
      <span className="mb-3">
        <Logo name="SecureChat" />
      </span>
      {entries
        .filter((entry) => !entry.last)
        .map((entry) => (
          <RailItem key={entry.id} entry={entry} />
        ))}
      <span className="flex-1" />
      {entries
        .filter((entry) => entry.last)
        .map((entry) => (
          <RailItem key={entry.id} entry={entry} />
        ))}
      <a
        href={person.href}
        title={_('ui.yourProfile')}
        aria-current={person.current ? 'page' : undefined}
        className="grid size-11 place-items-center rounded-full"
      >
        <Avatar name={person.name} seed={person.seed} size={36} />
        <span className="sr-only">{_('ui.yourProfile')}</span>
      </a>
    </nav>
  );
}

function RailItem({ entry }: { entry: NavEntry }) {
  const { _ } = useLingui();
  return (
    <a
      href={entry.href}
      aria-label={
        entry.count ? `${entry.label}, ${_('ui.unreadCount', { count: entry.count })}` : entry.label
      }
      title={entry.label}
      aria-current={entry.current ? 'page' : undefined}
      className={classes(
        'relative grid size-11 place-items-center rounded-md transition-colors',
        entry.current
          ? 'bg-surface text-primary-text shadow-1 before:absolute before:inset-y-3 before:-start-2.5 before:w-[3px] before:rounded-e-[3px] before:bg-primary-text'
          : 'text-text-2 hover:bg-press',
      )}
    >
      <entry.icon size={20} strokeWidth={1.75} aria-hidden />
      {entry.count ? (
        <span className="absolute top-0.5 end-0 rounded-full ring-2 ring-bg">
          <Badge count={entry.count} small />
        </span>
      ) : null}
    </a>
  );
}

/** Main places, at the bottom of phones. */
export function TabBar({ entries }: { entries: readonly NavEntry[] }) {
  const { _ } = useLingui();
  return (
    <nav
      aria-label={_('ui.mainNavigation')}
      data-region
      className="flex shrink-0 border-t border-divider bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {entries.map((entry) => (
        <a
          key={entry.id}
          href={entry.href}
          aria-current={entry.current ? 'page' : undefined}
          className={classes(
            'relative flex h-14 flex-1 flex-col items-center justify-center gap-0.5 text-12',
            entry.current
              ? 'font-semibold text-primary-text before:absolute before:top-0 before:h-[3px] before:w-8 before:rounded-b-[3px] before:bg-current'
              : 'font-medium text-text-2',
          )}
        >
          <entry.icon size={20} strokeWidth={1.75} aria-hidden />
          {entry.label}
          {entry.count ? (
            <span className="absolute start-[calc(50%+4px)] top-1 rounded-full ring-2 ring-surface">
              <Badge count={entry.count} small />
            </span>
          ) : null}
        </a>
      ))}
    </nav>
  );
}
