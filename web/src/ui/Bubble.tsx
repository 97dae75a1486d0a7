import { useLingui } from '@lingui/react';
import { CircleAlert, Clock, RefreshCw, Trash2, Unplug } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';
import { DeliveryTicks, type TickState } from './DeliveryTicks';
import { folded } from './fold';
import { RichText } from './RichText';

/** Where a bubble stands among its neighbours of the same author. */
export type GroupPosition = 'only' | 'start' | 'mid' | 'end';

export interface BubbleQuote {
  author: string;
  text: string;
  onOpen?: () => void;
}

export interface BubbleReaction {
  emoji: string;
  /** Who reacted, in words. */
  by: string;
  mine: boolean;
  count: number;
}

const joins: Record<'in' | 'out', Record<GroupPosition, string>> = {
  in: {
    only: '',
    start: 'rounded-es-join',
    mid: 'rounded-ss-join rounded-es-join',
    end: 'rounded-ss-join',
  },
  out: {
    only: '',
    start: 'rounded-ee-join',
    mid: 'rounded-se-join rounded-ee-join',
    end: 'rounded-se-join',
  },
};

/** One message. Time is shown on the last of a group; own messages carry ticks. */
export function Bubble({
  direction,
  position,
  text,
  time,
  edited,
  quote,
  tick,
  found,
  reactions = [],
  onReaction,
  entering,
  unfolded,
  onUnfold,
}: {
  direction: 'in' | 'out';
  position: GroupPosition;
  text: string;
  time?: string;
  edited?: boolean;
  quote?: BubbleQuote;
  tick?: TickState;
  /** The one a search or a quote led to. */
  found?: boolean;
  reactions?: readonly BubbleReaction[];
  onReaction?: (emoji: string) => void;
  entering?: boolean;
  /** A long text is shown whole. */
  unfolded?: boolean;
  onUnfold?: (unfolded: boolean) => void;
}) {
  const { _ } = useLingui();
  const own = direction === 'out';
  const start = folded(text);
  return (
    <div
      className={classes(
        'relative max-w-[min(480px,calc(100vw-3.75rem))] min-w-0 rounded-lg px-3 py-2 shadow-1 forced:border',
        own ? 'bg-bubble-out text-bubble-out-text' : 'bg-bubble-in text-text',
        joins[direction][position],
        found && 'outline-2 outline-offset-1 outline-electric',
        entering && 'animate-enter',
      )}
    >
      {quote && <Quote quote={quote} own={own} />}
      <RichText text={start === null || unfolded ? text : start} linkClass={own ? 'text-white' : undefined} />
      {start !== null && (
        <button
          type="button"
          aria-expanded={unfolded === true}
          onClick={() => onUnfold?.(!unfolded)}
          className={classes(
            'hit-44 mt-1 block text-13 font-semibold underline-offset-3 hover:underline forced:underline',
            own ? 'text-bubble-out-text' : 'text-electric',
          )}
        >
          {unfolded ? _('ui.readLess') : _('ui.readMore')}
        </button>
      )}
      {(time || tick || edited) && (
        <span
          className={classes(
            'mt-[5px] -me-0.5 float-end ms-3 -mb-px inline-flex h-4 items-center gap-1 text-12 whitespace-nowrap tabular-nums select-none',
            own ? 'text-bubble-out-meta' : 'text-text-3',
          )}
        >
          {edited && <span>{_('ui.edited')}</span>}
          {time && <time>{time}</time>}
          {tick && <DeliveryTicks state={tick} />}
        </span>
      )}
      <span className="clear-both block" />
      {reactions.length > 0 && <ReactionBar reactions={reactions} onReaction={onReaction} />}
    </div>
  );
}

function Quote({ quote, own }: { quote: BubbleQuote; own: boolean }) {
  const look = classes(
    '-mx-1 mb-1.5 block w-[calc(100%+0.5rem)] rounded-[4px_8px_8px_4px] border-s-3 px-2.5 py-1.5 text-start text-13',
    own
      ? 'border-bubble-out-line bg-bubble-out-inset text-bubble-out-meta'
      : 'border-electric bg-bubble-in-inset text-text-2',
  );
  const inside = (
    <>
      <b className={classes('block font-semibold', own ? 'text-bubble-out-text' : 'text-text')}>
        {quote.author}
      </b>
      <span dir="auto" className="line-clamp-2 wrap-anywhere">
        {quote.text}
      </span>
    </>
  );
  if (!quote.onOpen) return <span className={look}>{inside}</span>;
  return (
    <button type="button" onClick={quote.onOpen} className={look}>
      {inside}
    </button>
  );
}

function ReactionBar({
  reactions,
  onReaction,
}: {
  reactions: readonly BubbleReaction[];
  onReaction?: (emoji: string) => void;
}) {
  return (
    <span className="absolute start-2 -bottom-[18px] z-1 flex gap-1">
      {reactions.map((reaction) => (
        <button
          key={reaction.emoji}
          type="button"
          aria-pressed={reaction.mine}
          aria-label={[reaction.emoji, reaction.count > 1 && reaction.count, reaction.by]
            .filter(Boolean)
            .join(' ')}
          title={reaction.by}
          onClick={() => onReaction?.(reaction.emoji)}
          className={classes(
            'hit-44 inline-flex h-6 items-center gap-1 rounded-full px-2 text-12 font-semibold ring-2 ring-bg forced:border',
            reaction.mine
              ? 'bg-electric-tint text-electric inset-ring-[1.5px] inset-ring-electric'
              : 'bg-raised text-text-2',
          )}
        >
          <span aria-hidden className="text-[0.875rem]">
            {reaction.emoji}
          </span>
          {reaction.count > 1 && <span aria-hidden>{reaction.count}</span>}
        </button>
      ))}
    </span>
  );
}

/** A message that could not be opened: dashed and quiet, it heals by itself. */
export function HealingRow({ children }: { children: ReactNode }) {
  return (
    <div className="flex max-w-full items-center gap-2.5 rounded-lg border border-dashed border-control py-2.5 ps-3 pe-3.5 text-13 text-text-2">
      <RefreshCw size={18} strokeWidth={1.75} aria-hidden className="shrink-0 text-electric" />
      <span>{children}</span>
    </div>
  );
}

const stones = { deleted: Trash2, lost: Unplug, unsupported: Clock } as const;

/** What is left of a message that is gone, lost or not understood. */
export function Tombstone({ kind, children }: { kind: keyof typeof stones; children: ReactNode }) {
  const Icon = stones[kind];
  return (
    <div className="inline-flex max-w-full items-center gap-2 rounded-lg border border-divider px-3 py-2 text-13 text-text-2">
      <Icon size={16} strokeWidth={2} aria-hidden className="shrink-0" />
      <span>{children}</span>
    </div>
  );
}

/** The line under an own message that did not leave. */
export function FailedLine({
  text,
  action,
  onAction,
}: {
  text: string;
  action: string;
  onAction: () => void;
}) {
  return (
    <button
      type="button"
      onClick={onAction}
      className="hit-44 mt-1 inline-flex items-center gap-1.5 text-end text-12 font-medium text-danger hover:underline"
    >
      <CircleAlert size={16} strokeWidth={2} aria-hidden className="shrink-0" />
      <span>
        {text} {action}
      </span>
    </button>
  );
}
