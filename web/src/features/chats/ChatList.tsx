import { useLingui } from '@lingui/react';
import { memo, useCallback, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { Link } from 'react-router';
import { VList, type VListHandle } from 'virtua';
import type { ChatItem } from '../../core/generated/ChatItem';
import { ChatRow, type ChatRowData } from '../../ui/ChatRow';
import { useChatRow } from './rows';

/** How long a row may take until it can be focused. */
const FRAMES_TO_MEASURE = 10;

/**
 * The rows of the chat list, however many: only those on the screen are drawn. One tab stop, arrows between chats;
 * the row that has the focus stays, also when the list scrolls away from it.
 */
export function ChatList({ items, selected }: { items: readonly ChatItem[]; selected: string | undefined }) {
  const { _ } = useLingui();
  const toRow = useChatRow();
  const region = useRef<HTMLElement>(null);
  const list = useRef<VListHandle>(null);
  const [focusedId, setFocusedId] = useState<string>();
  const focusWanted = useRef(false);

  const indexOf = (id: string | undefined) => items.findIndex((item) => item.conversation_id === id);
  const focused = indexOf(focusedId);
  const selectedAt = indexOf(selected);
  const tabStop = focused >= 0 ? focused : Math.max(0, selectedAt);

  // A chat that was opened from elsewhere is brought into view; whatever else happens to the list does not move it.
  const isListed = selectedAt >= 0;
  useEffect(() => {
    if (isListed) list.current?.scrollToIndex(selectedAt, { align: 'nearest' });
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected, isListed]);

  useEffect(() => {
    if (!focusWanted.current || focusedId === undefined) return;
    focusWanted.current = false;
    let frame = 0;
    const take = (framesLeft: number) => {
      const row = region.current?.querySelector<HTMLElement>(`[data-chat="${CSS.escape(focusedId)}"]`);
      row?.focus({ preventScroll: true });
      if (!row || document.activeElement === row || framesLeft === 0) return;
      // A row far away is hidden until it was measured. Keys pressed meanwhile must not go to the page.
      region.current?.focus({ preventScroll: true });
      frame = requestAnimationFrame(() => take(framesLeft - 1));
    };
    take(FRAMES_TO_MEASURE);
    return () => cancelAnimationFrame(frame);
  }, [focusedId]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = focused >= 0 || event.target !== region.current;
    const steps: Record<string, number> = {
      ArrowDown: inside ? tabStop + 1 : tabStop,
      ArrowUp: inside ? tabStop - 1 : tabStop,
      Home: 0,
      End: items.length - 1,
    };
    const step = steps[event.key];
    const item = step === undefined ? undefined : items[step];
    if (step === undefined || !item) return;
    event.preventDefault();
    focusWanted.current = true;
    setFocusedId(item.conversation_id);
    list.current?.scrollToIndex(step, { align: 'nearest' });
  };

  return (
    <nav
      ref={region}
      aria-label={_('chats.title')}
      data-region
      tabIndex={-1}
      onKeyDown={onKeyDown}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocusedId(undefined);
      }}
      className="min-h-0 flex-1 outline-none"
    >
      <VList ref={list} data={items} keepMounted={[tabStop]} className="px-3 pb-3 [scrollbar-width:thin]">
        {(item, index) => (
          <ChatLink
            key={item.conversation_id}
            id={item.conversation_id}
            row={toRow(item)}
            selected={item.conversation_id === selected}
            tabStop={index === tabStop}
            onFocusRow={setFocusedId}
          />
        )}
      </VList>
    </nav>
  );
}

/** Whoever opens a chat writes on. */
const TO_WRITE = { write: true };

interface ChatLinkProps {
  id: string;
  row: ChatRowData;
  selected: boolean;
  tabStop: boolean;
  onFocusRow: (id: string) => void;
}

/** Drawn again only when something in it changed. */
const ChatLink = memo(DrawnLink, (before, after) => {
  const { row, ...others } = after;
  return (
    JSON.stringify(before.row) === JSON.stringify(row) &&
    (Object.keys(others) as (keyof typeof others)[]).every((name) => before[name] === others[name])
  );
});

function DrawnLink({ id, row, selected, tabStop, onFocusRow }: ChatLinkProps) {
  return (
    <Link
      to={`/chats/${id}`}
      state={TO_WRITE}
      data-chat={id}
      tabIndex={tabStop ? 0 : -1}
      onFocus={useCallback(() => onFocusRow(id), [onFocusRow, id])}
      aria-current={selected ? 'true' : undefined}
      className="block rounded-md -outline-offset-2"
    >
      <ChatRow row={row} selected={selected} />
    </Link>
  );
}
