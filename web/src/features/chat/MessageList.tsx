import { useLingui } from '@lingui/react';
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type RefObject,
} from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import { now } from '../../core/clock';
import { folded } from '../../ui/fold';
import { daysBetween, formatDay } from '../../ui/format';
import { JumpButton } from '../../ui/JumpButton';
import { Skeleton } from '../../ui/Skeleton';
import { TypingDots } from '../../ui/TypingDots';
import { useNow } from '../../ui/useNow';
import { MessageRow, type MessageActions, type MessageKeys } from './MessageRow';
import { focusRow, rowOf } from './rowFocus';
import { isBubble, toRows, type Row } from './timeline';
import type { Timeline } from './useTimeline';

/** Nearer to the end than this counts as "at the end". */
const END_PX = 48;
/** The window that follows the eye moves when the middle of the screen moved by this many messages. */
const LOOK_STEP = 20;
/** For so long a message that unfolds is kept where it is. */
const UNFOLDING_FRAMES = 8;

const NONE: ReadonlySet<string> = new Set();

/** A message whose deletion was undone; a new one for every time. */
export interface Returned {
  id: string;
}

const sameDay = (a: number, b: number) => daysBetween(a, b) === 0;

/** The messages of one conversation: virtual, keeps its place, one tab stop, arrows between messages. */
export function MessageList({
  timeline,
  hidden,
  name,
  typing,
  found,
  written,
  returned,
  canWrite,
  messageKeys,
  unreadFrom,
  unreadCount,
  actions,
  onSeen,
}: {
  timeline: Timeline;
  hidden: ReadonlySet<string>;
  name: string;
  typing: boolean;
  found: string | null;
  /** How many messages were written here since the conversation was opened. */
  written: number;
  returned: Returned | undefined;
  canWrite: boolean;
  messageKeys: MessageKeys | null;
  /** The unread line stays where it was when the conversation was opened. */
  unreadFrom: string | null;
  unreadCount: number;
  actions: MessageActions;
  /** The newest message is on screen, and something up to it is unread. */
  onSeen: (messageId: string) => void;
}) {
  const { _, i18n } = useLingui();
  const nowMs = useNow(now);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const atEnd = useRef(true);
  /** Where the scroller stood last. */
  const top = useRef(0);
  const looked = useRef(-1);
  /** A message unfolds: until its height is known, the list can seem to be at its end. */
  const unfolding = useRef(false);
  const [away, setAway] = useState(false);
  const [seenUpTo, setSeenUpTo] = useState<string | null>(null);
  const [focusedId, setFocusedId] = useState<string | null>(null);
  const focusWanted = useRef(false);
  /** Long messages that are shown whole. They stay so when they leave the screen. */
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(NONE);
  // What was searched for may stand in the part that is folded away.
  if (found !== null && !unfolded.has(found)) setUnfolded(new Set([...unfolded, found]));

  const rows = useMemo(
    () =>
      toRows(
        timeline.items.filter((item) => !hidden.has(item.message_id)),
        unreadFrom,
        sameDay,
      ),
    [timeline.items, hidden, unreadFrom],
  );
  const firstId = rows[0]?.item.message_id;
  const lastId = rows[rows.length - 1]?.item.message_id;

  // When older messages are put before what is shown, the place on screen must not move.
  const [held, setHeld] = useState({ firstId, count: rows.length, shift: false });
  if (held.firstId !== firstId || held.count !== rows.length)
    setHeld({
      firstId,
      count: rows.length,
      shift: held.firstId !== firstId && rows.some((row) => row.item.message_id === held.firstId),
    });

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);

  // Whoever writes wants to see it, wherever they were.
  useLayoutEffect(() => {
    if (written === 0) return;
    atEnd.current = true;
    toEnd();
  }, [written, toEnd]);
  useLayoutEffect(() => {
    if (found === null && atEnd.current && !timeline.has_newer) toEnd();
  }, [lastId, typing, found, timeline.has_newer, toEnd]);

  const foundIndex = found === null ? -1 : rows.findIndex((row) => row.item.message_id === found);
  useLayoutEffect(() => {
    if (foundIndex < 0) return;
    atEnd.current = false;
    list.current?.scrollToIndex(foundIndex, { align: 'center' });
    // Only when another message was asked for: new messages must not pull the eye back.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [found, foundIndex >= 0]);
  // Whoever jumped to it goes on from it.
  const hit = foundIndex < 0 ? null : found;
  const [hitBefore, setHitBefore] = useState<string | null>(null);
  if (hit !== hitBefore) {
    setHitBefore(hit);
    if (hit !== null) setFocusedId(hit);
  }
  useEffect(() => {
    return hit === null ? undefined : focusRow(() => rowOf(scroller.current, hit));
  }, [hit]);

  const [returnedBefore, setReturnedBefore] = useState(returned);
  if (returned !== returnedBefore) {
    setReturnedBefore(returned);
    if (returned) setFocusedId(returned.id);
  }
  useEffect(() => (returned ? focusRow(() => rowOf(scroller.current, returned.id)) : undefined), [returned]);

  // The composer grew, the keyboard opened: whoever was at the end stays there.
  useEffect(() => {
    const element = scroller.current;
    if (!element || typeof ResizeObserver === 'undefined') return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, []);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    // Only going up leaves the end: a long message that is measured a moment after it was drawn must not.
    if (left < END_PX) atEnd.current = !unfolding.current;
    else if (element.scrollTop < top.current) atEnd.current = false;
    top.current = element.scrollTop;
    setAway(left > element.clientHeight / 2);
    const middle = list.current?.findItemIndex(Math.max(0, element.scrollTop + element.clientHeight / 2));
    if (middle === undefined || atEnd.current) return;
    if (Math.abs(middle - looked.current) < LOOK_STEP) return;
    const row = rows[middle];
    if (!row) return;
    looked.current = middle;
    timeline.look(row.item.message_id);
  }, [rows, timeline]);

  // Seen means: on screen, at the end, while the page is visible. What is unread can change without a new last message:
  // one that was accepted in the same moment may be placed above it.
  useEffect(() => {
    const report = () => {
      if (!lastId || timeline.has_newer || document.visibilityState !== 'visible' || !atEnd.current) return;
      setSeenUpTo(lastId);
      if (timeline.unread > 0) onSeen(lastId);
    };
    report();
    document.addEventListener('visibilitychange', report);
    return () => document.removeEventListener('visibilitychange', report);
  }, [lastId, away, timeline.has_newer, timeline.unread, timeline.firstUnread, onSeen]);

  const onUnfold = useCallback((id: string, whole: boolean) => {
    // Whoever unfolds reads on from where they are, also at the end.
    atEnd.current = false;
    setUnfolded((before) => {
      const after = new Set(before);
      if (whole) after.add(id);
      else after.delete(id);
      return after;
    });
    const element = scroller.current;
    const row = rowOf(element, id);
    if (!element || !row) return;
    if (!whole) {
      requestAnimationFrame(() => row.scrollIntoView({ block: 'nearest' }));
      return;
    }
    // While the list still moves, its library keeps the end of a message in place that grows: the beginning must stay.
    const { top } = row.getBoundingClientRect();
    unfolding.current = true;
    const stay = (frames: number) => {
      const moved = row.getBoundingClientRect().top - top;
      if (Math.abs(moved) > 1) element.scrollTop += moved;
      unfolding.current = frames > 0;
      if (frames > 0) requestAnimationFrame(() => stay(frames - 1));
    };
    requestAnimationFrame(() => stay(UNFOLDING_FRAMES));
  }, []);

  const newBelow = useMemo(() => {
    const from = rows.findIndex((row) => row.item.message_id === seenUpTo);
    return from < 0
      ? 0
      : rows.slice(from + 1).filter((row) => !row.item.from_me && isBubble(row.item)).length;
  }, [rows, seenUpTo]);

  const focusedIndex = useRowInFocus(rows, focusedId, setFocusedId, scroller);
  const kept = useMemo(() => (focusedIndex < 0 ? [] : [focusedIndex]), [focusedIndex]);
  const moveTo = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    focusWanted.current = true;
    atEnd.current = false;
    setFocusedId(row.item.message_id);
    list.current?.scrollToIndex(rows.indexOf(row), { align: 'nearest' });
  };
  useEffect(() => {
    if (!focusWanted.current || focusedId === null) return;
    focusWanted.current = false;
    return focusRow(() => rowOf(scroller.current, focusedId));
  }, [focusedId]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps: Record<string, () => void> = {
      ArrowUp: () => moveTo(focusedIndex - 1),
      ArrowDown: () => moveTo(focusedIndex + 1),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
    };
    const onMessage = (event.target as HTMLElement).dataset['message'] !== undefined;
    const step = onMessage ? steps[event.key] : undefined;
    if (!step) return;
    event.preventDefault();
    step();
  };

  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        role="log"
        aria-label={_('chat.messagesWith', { name })}
        aria-live="off"
        className="flex h-full flex-col overflow-y-auto overscroll-contain [overflow-anchor:none] md:px-6"
      >
        <div className="grow" />
        {timeline.loading && <TimelineSkeleton />}
        <Virtualizer ref={list} shift={held.shift} scrollRef={scroller} keepMounted={kept}>
          {rows.map((row, index) => (
            <MessageRow
              key={row.item.message_id}
              row={row}
              name={name}
              day={row.dayStarts ? formatDay(row.item.at_ms, nowMs, i18n.locale) : ''}
              unread={unreadCount}
              focused={index === focusedIndex}
              found={row.item.message_id === found}
              unfolded={unfolded.has(row.item.message_id)}
              canWrite={canWrite}
              messageKeys={messageKeys}
              actions={actions}
              onFocusRow={setFocusedId}
              onUnfold={onUnfold}
            />
          ))}
        </Virtualizer>
        <div className="mx-auto w-full max-w-170 px-3 pt-3 pb-2 md:px-0">
          {typing && <TypingDots label={_('chat.isTyping', { name })} />}
        </div>
      </div>
      <Announcer rows={rows} name={name} />
      {(away || timeline.has_newer) && (
        <JumpButton
          count={newBelow}
          onPress={() => {
            atEnd.current = true;
            timeline.toLatest();
            requestAnimationFrame(toEnd);
          }}
        />
      )}
    </div>
  );
}

/**
 * The row that Tab reaches: the one last gone to, else the newest. When it goes away (deleted, or out of the window) the one
 * that took its place follows, and with it the focus that would otherwise fall to the page.
 */
function useRowInFocus(
  rows: readonly Row[],
  focusedId: string | null,
  onFocusRow: (id: string | null) => void,
  scroller: RefObject<HTMLDivElement | null>,
): number {
  const last = useRef(-1);
  const index = focusedId === null ? -1 : rows.findIndex((row) => row.item.message_id === focusedId);
  useEffect(() => {
    if (index >= 0) last.current = index;
    if (index >= 0 || focusedId === null) return;
    const next = rows[Math.min(last.current, rows.length - 1)]?.item.message_id ?? null;
    return focusRow(
      () => (next === null ? null : rowOf(scroller.current, next)),
      { preventScroll: true },
      () => onFocusRow(next),
    );
  }, [rows, index, focusedId, onFocusRow, scroller]);
  return index < 0 ? rows.length - 1 : index;
}

/** Says new messages of the open conversation, politely and once. */
function Announcer({ rows, name }: { rows: readonly Row[]; name: string }) {
  const last = rows[rows.length - 1]?.item;
  const [spoken, setSpoken] = useState({ id: last?.message_id, text: '' });
  if (last && last.message_id !== spoken.id) {
    const isNew =
      rows.some((row) => row.item.message_id === spoken.id) && !last.from_me && last.body.type === 'text';
    setSpoken({
      id: last.message_id,
      text: isNew && last.body.type === 'text' ? `${name}: ${folded(last.body.text) ?? last.body.text}` : '',
    });
  }
  return (
    <p aria-live="polite" className="sr-only">
      {spoken.text}
    </p>
  );
}

function TimelineSkeleton() {
  return (
    <div aria-busy className="mx-auto flex w-full max-w-170 flex-col gap-3 px-3 md:px-0">
      <Skeleton className="h-10 w-56 rounded-lg" />
      <Skeleton className="h-10 w-40 self-end rounded-lg" />
      <Skeleton className="h-16 w-72 rounded-lg" />
    </div>
  );
}
