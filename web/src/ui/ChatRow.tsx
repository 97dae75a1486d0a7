import { useLingui } from '@lingui/react';
import { Ban, BellOff, Pin } from 'lucide-react';
import { Avatar } from './Avatar';
import { Badge } from './Badge';
import { classes } from './classes';
import { DeliveryTicks, type TickState } from './DeliveryTicks';
import { Skeleton } from './Skeleton';

export interface ChatRowData {
  title: string;
  seed: number;
  preview: string;
  /** Set when the last message is ours. */
  tick?: TickState;
  fromMe: boolean;
  draft: string;
  typing: boolean;
  time: string;
  unread: number;
  muted: boolean;
  pinned: boolean;
  blocked: boolean;
}

/** One line of the chat list. The link or button around it belongs to the list. */
export function ChatRow({ row, selected }: { row: ChatRowData; selected?: boolean }) {
  const { _ } = useLingui();
  const unread = row.unread > 0;
  return (
    <span
      className={classes(
        'grid min-h-16 grid-cols-[auto_minmax(0,1fr)] items-center gap-3 rounded-md px-2 transition-colors compact:min-h-12',
        selected ? 'bg-transparent md:bg-selected' : 'hover:bg-hover',
      )}
    >
      <span className="compact:hidden">
        <Avatar name={row.title} seed={row.seed} />
      </span>
      <span className="hidden compact:block">
        <Avatar name={row.title} seed={row.seed} size={36} />
      </span>
      <span className="min-w-0">
        <span className="flex items-center gap-1">
          <span dir="auto" className="truncate font-semibold">
            {row.title}
          </span>
          {row.muted && (
            <BellOff
              size={14}
              strokeWidth={2.1}
              role="img"
              aria-label={_('ui.muted')}
              className="shrink-0 text-text-3"
            />
          )}
          {row.blocked && (
            <Ban
              size={14}
              strokeWidth={2.1}
              role="img"
              aria-label={_('ui.blocked')}
              className="shrink-0 text-text-3"
            />
          )}
          <span className="flex-1" />
          {row.tick && <DeliveryTicks state={row.tick} onSurface />}
          <time
            className={classes(
              'text-12 whitespace-nowrap',
              unread && !row.muted ? 'font-semibold text-accent-text' : 'text-text-3',
            )}
          >
            {row.time}
          </time>
        </span>
        <span className="mt-0.5 flex min-h-5 items-center gap-1 compact:mt-0">
          <span
            dir="auto"
            className={classes(
              'min-w-0 flex-1 truncate text-13 text-left',
              unread ? 'text-text' : 'text-text-2',
            )}
          >
            <RowPreview row={row} />
          </span>
          {row.pinned && (
            <Pin
              size={14}
              strokeWidth={2.1}
              role="img"
              aria-label={_('ui.pinned')}
              className="shrink-0 text-text-3"
            />
          )}
          {unread && (
            <Badge count={row.unread} quiet={row.muted} label={_('ui.unreadCount', { count: row.unread })} />
          )}
        </span>
      </span>
    </span>
  );
}

function RowPreview({ row }: { row: ChatRowData }) {
  const { _ } = useLingui();
  if (row.typing) return <span className="font-medium text-electric">{_('ui.typing')}</span>;
  if (row.draft)
    return (
      <>
        <span className="font-medium text-danger">{_('ui.draft')}</span> {row.draft}
      </>
    );
  if (row.fromMe && row.preview)
    return (
      <>
        <b className="font-medium text-text">{_('ui.youPrefix')}</b> {row.preview}
      </>
    );
  return row.preview;
}

/** The shape of a row while the list is being read. */
export function ChatRowSkeleton() {
  return (
    <span className="flex min-h-16 items-center gap-3 px-2 compact:min-h-12">
      <Skeleton className="size-11 rounded-full" />
      <span className="flex-1">
        <Skeleton className="h-3 w-24" />
        <Skeleton className="mt-2.5 h-2.5 w-44" />
      </span>
    </span>
  );
}
