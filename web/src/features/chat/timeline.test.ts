import { describe, expect, it } from 'vitest';
import type { TimelineItem } from '../../core/generated/TimelineItem';
import { isSameRow, mergeWindow, toRows, type Window } from './timeline';

const MINUTE = 60_000;

function message(id: number, part: Partial<TimelineItem> = {}): TimelineItem {
  return {
    message_id: `m${id}`,
    at_ms: id * MINUTE,
    from_me: false,
    body: { type: 'text', text: `text ${id}`, edited: false, reply_to: null },
    state: null,
    reactions: [],
    ...part,
  };
}

function span(from: number, to: number, has_older = true, has_newer = false): Window {
  return {
    items: Array.from({ length: to - from + 1 }, (_, index) => message(from + index)),
    has_older,
    has_newer,
  };
}

const ids = (window: Window | null) => window?.items.map((item) => Number(item.message_id.slice(1)));

describe('mergeWindow', () => {
  it('takes a first window as it is', () => {
    expect(ids(mergeWindow(span(1, 0), span(5, 7)))).toEqual([5, 6, 7]);
  });

  it('keeps older messages when the newest page moves on', () => {
    const merged = mergeWindow(span(1, 60, false), span(4, 63));
    expect(ids(merged)).toEqual(Array.from({ length: 63 }, (_, index) => index + 1));
    expect(merged?.has_older).toBe(false);
  });

  it('makes rows anew only where something changed', () => {
    const rows = (window: Window | null) => toRows(window?.items ?? [], null, () => true);
    const [before, fresh] = [span(1, 10), span(2, 11)];
    fresh.items = fresh.items.map((item) => (item.message_id === 'm5' ? { ...item, from_me: true } : item));
    const [held, next] = [rows(before), rows(mergeWindow(before, fresh))];
    const drawn = next.filter((row) => !held.some((one) => isSameRow(one, row)));
    // The changed one, its neighbours whose group it cut, the one that was the last, and the new one.
    expect(drawn.map((row) => row.item.message_id)).toEqual(['m4', 'm5', 'm6', 'm10', 'm11']);
  });

  it('puts older messages in front', () => {
    const merged = mergeWindow(span(60, 120), span(30, 90, true, true));
    expect(ids(merged)?.[0]).toBe(30);
    expect(ids(merged)?.at(-1)).toBe(120);
    expect(merged).toMatchObject({ has_older: true, has_newer: false });
  });

  it('drops a message that was deleted inside the window', () => {
    const fresh = span(1, 10, false);
    const merged = mergeWindow(span(1, 10, false), {
      ...fresh,
      items: fresh.items.filter((item) => item.message_id !== 'm4'),
    });
    expect(ids(merged)).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
  });

  it('drops the first message of the conversation when it was deleted', () => {
    expect(ids(mergeWindow(span(1, 3, false), span(2, 3, false)))).toEqual([2, 3]);
  });

  it('takes over an edit', () => {
    const fresh = span(2, 3);
    const edited = message(2, { body: { type: 'text', text: 'better', edited: true, reply_to: null } });
    const merged = mergeWindow(span(1, 3), { ...fresh, items: [edited, ...fresh.items.slice(1)] });
    expect(merged?.items[1]).toBe(edited);
    expect(ids(merged)).toEqual([1, 2, 3]);
  });

  it('answers null for windows that do not touch', () => {
    expect(mergeWindow(span(1, 5), span(9, 12))).toBeNull();
  });
});

describe('toRows', () => {
  const sameDay = (a: number, b: number) =>
    Math.floor(a / (24 * 60 * MINUTE)) === Math.floor(b / (24 * 60 * MINUTE));
  const positions = (items: TimelineItem[], unread: string | null = null) =>
    toRows(items, unread, sameDay).map((row) => row.position);

  it('groups one author within five minutes', () => {
    expect(positions([message(1), message(2), message(3)])).toEqual(['start', 'mid', 'end']);
  });

  it('cuts after five minutes, on another author and at a system line', () => {
    expect(positions([message(1), message(7)])).toEqual(['only', 'only']);
    expect(positions([message(1), message(2, { from_me: true })])).toEqual(['only', 'only']);
    expect(
      positions([message(1), message(2, { body: { type: 'system', event: 'gap' } }), message(3)]),
    ).toEqual(['only', 'only', 'only']);
  });

  it('cuts at the unread line and at a new day', () => {
    expect(positions([message(1), message(2)], 'm2')).toEqual(['only', 'only']);
    const rows = toRows([message(24 * 60 - 1), message(24 * 60)], null, sameDay);
    expect(rows.map((row) => row.dayStarts)).toEqual([true, true]);
    expect(rows.map((row) => row.position)).toEqual(['only', 'only']);
  });
});
