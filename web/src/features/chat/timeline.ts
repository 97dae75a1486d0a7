import type { TimelineItem } from '../../core/generated/TimelineItem';

/** Messages of one author within this time stand together. */
export const GROUP_MS = 5 * 60 * 1000;

/** A stretch of a conversation without holes, oldest first. */
export interface Window {
  items: readonly TimelineItem[];
  has_older: boolean;
  has_newer: boolean;
}

/**
 * Puts a fresh window into what is shown. It replaces the stretch it covers, so that edits and deletions in it
 * are taken over; what is shown outside of it stays. Answers null when the two do not touch.
 */
export function mergeWindow(shown: Window, fresh: Window): Window | null {
  if (shown.items.length === 0 || fresh.items.length === 0) return fresh;
  fresh = { ...fresh, items: kept(shown.items, fresh.items) };
  const inFresh = new Set(fresh.items.map((item) => item.message_id));
  const first = shown.items.findIndex((item) => inFresh.has(item.message_id));
  if (first < 0) return null;
  const last = shown.items.findLastIndex((item) => inFresh.has(item.message_id));
  const inShown = new Set(shown.items.map((item) => item.message_id));
  const reachesBack = !fresh.has_older || !inShown.has(fresh.items[0]?.message_id ?? '');
  const reachesOn = !fresh.has_newer || !inShown.has(fresh.items[fresh.items.length - 1]?.message_id ?? '');
  return {
    items: [
      ...(reachesBack ? [] : shown.items.slice(0, first)),
      ...fresh.items,
      ...(reachesOn ? [] : shown.items.slice(last + 1)),
    ],
    has_older: reachesBack ? fresh.has_older : shown.has_older,
    has_newer: reachesOn ? fresh.has_newer : shown.has_newer,
  };
}

/** `fresh` with the very items of `shown` where nothing changed in them: they need not be drawn again. */
function kept(shown: readonly TimelineItem[], fresh: readonly TimelineItem[]): readonly TimelineItem[] {
  const held = new Map(shown.map((item) => [item.message_id, item]));
  return fresh.map((item) => {
    const before = held.get(item.message_id);
    return before && JSON.stringify(before) === JSON.stringify(item) ? before : item;
  });
}

export type Position = 'only' | 'start' | 'mid' | 'end';

export interface Row {
  item: TimelineItem;
  position: Position;
  /** A day begins here. */
  dayStarts: boolean;
  /** The first unread message. */
  unreadStarts: boolean;
}

/** Groups by author and five minutes; days and the unread line cut groups. `sameDay` compares in local time. */
export function toRows(
  items: readonly TimelineItem[],
  firstUnread: string | null,
  sameDay: (a: number, b: number) => boolean,
): Row[] {
  const cuts = items.map((item, index) => {
    const before = items[index - 1];
    const dayStarts = !before || !sameDay(before.at_ms, item.at_ms);
    const unreadStarts = item.message_id === firstUnread;
    const startsGroup =
      !before ||
      dayStarts ||
      unreadStarts ||
      !isBubble(item) ||
      !isBubble(before) ||
      before.from_me !== item.from_me ||
      item.at_ms - before.at_ms > GROUP_MS;
    return { dayStarts, unreadStarts, startsGroup };
  });
  return items.map((item, index) => {
    const { dayStarts, unreadStarts, startsGroup } = cuts[index] ?? {
      dayStarts: false,
      unreadStarts: false,
      startsGroup: true,
    };
    const endsGroup = cuts[index + 1]?.startsGroup ?? true;
    const position: Position = startsGroup ? (endsGroup ? 'only' : 'start') : endsGroup ? 'end' : 'mid';
    return { item, position, dayStarts, unreadStarts };
  });
}

/** Rows are made anew for every change; most of them look the same. */
export function isSameRow(one: Row, other: Row): boolean {
  return (
    one.item === other.item &&
    one.position === other.position &&
    one.dayStarts === other.dayStarts &&
    one.unreadStarts === other.unreadStarts
  );
}

export function isBubble(item: TimelineItem): boolean {
  return item.body.type === 'text';
}
