import { useLingui } from '@lingui/react';
import { ArrowLeft, Inbox, LifeBuoy, SquarePen } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Link, useNavigate } from 'react-router';
import { useQuery } from '../../core/hooks';
import type { ChatFilter } from '../../core/generated/ChatFilter';
import type { ChatItem } from '../../core/generated/ChatItem';
import { Badge } from '../../ui/Badge';
import { classes } from '../../ui/classes';
import { ChatRow, ChatRowSkeleton } from '../../ui/ChatRow';
import { Chip } from '../../ui/Chip';
import { IconButton } from '../../ui/IconButton';
import { PaneHeader } from '../../ui/Pane';
import { SearchField } from '../../ui/SearchField';
import { ChatList } from './ChatList';
import { useChatRow } from './rows';
import { SearchResults } from './SearchResults';

/** The chats of this account, newest first; typing into the search field searches everything. */
export function ChatListPane({
  selected,
  requests,
  kitMissing,
  notices,
  firstSteps,
  searchShortcut,
}: {
  selected: string | undefined;
  requests: number;
  kitMissing: boolean;
  notices: ReactNode;
  /** What to do while there is no chat; where there is room, it stands beside the list instead. */
  firstSteps: ReactNode;
  searchShortcut: string;
}) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const [filter, setFilter] = useState<ChatFilter>('all');
  const [text, setText] = useState('');
  const view = useQuery({ type: 'chats', filter });
  const all = useQuery({ type: 'chats', filter: 'all' });
  const items = view?.type === 'chats' ? view.items : undefined;
  const searching = text.trim() !== '';
  const unreadChats =
    all?.type === 'chats' ? all.items.filter((item) => item.unread > 0 && !item.muted).length : 0;

  return (
    <>
      <PaneHeader title={_('chats.title')}>
        <IconButton icon={SquarePen} label={_('chats.new')} onClick={() => void navigate('/new')} />
      </PaneHeader>
      {/* What is announced stands clear of the search below it. */}
      <div className="shrink-0 has-[>*]:pb-3">{notices}</div>
      <div className="flex shrink-0 flex-col gap-2 px-3 pb-2">
        <div data-search>
          <SearchField label={_('chats.search')} value={text} onChange={setText} shortcut={searchShortcut} />
        </div>
        {!searching && (
          <div className="-mx-3 flex gap-2 overflow-x-auto px-3 py-0.5 [scrollbar-width:none]">
            <Chip pressed={filter === 'all'} onPress={() => setFilter('all')}>
              {_('chats.filterAll')}
            </Chip>
            <Chip pressed={filter === 'unread'} onPress={() => setFilter('unread')}>
              {_('chats.filterUnread')}
              {unreadChats > 0 && <span className="tabular-nums">{unreadChats}</span>}
            </Chip>
            <Chip pressed={filter === 'archived'} onPress={() => setFilter('archived')}>
              {_('chats.filterArchived')}
            </Chip>
          </div>
        )}
      </div>
      {searching ? (
        <SearchResults text={text} conversationId={null} selected={selected} />
      ) : (
        <>
          {requests > 0 && filter === 'all' && (
            <NoticeRow
              to="/requests"
              icon={<Inbox size={20} strokeWidth={1.75} aria-hidden />}
              title={_('chats.requests')}
            >
              <Badge count={requests} label={_('chats.requestCount', { count: requests })} />
            </NoticeRow>
          )}
          {kitMissing && filter === 'all' && (
            <NoticeRow
              to="/settings/recovery"
              icon={<LifeBuoy size={20} strokeWidth={1.75} aria-hidden />}
              title={_('chats.saveKit')}
              detail={_('chats.saveKitDetail')}
            />
          )}
          <Chats items={items} selected={selected} filter={filter} firstSteps={firstSteps} />
        </>
      )}
    </>
  );
}

function NoticeRow({
  to,
  icon,
  title,
  detail,
  children,
}: {
  to: string;
  icon: ReactNode;
  title: string;
  detail?: string;
  children?: ReactNode;
}) {
  return (
    <Link to={to} className="mx-3 flex min-h-14 items-center gap-3 rounded-md px-2 hover:bg-hover">
      <span className="grid size-11 shrink-0 place-items-center rounded-full bg-primary-tint text-primary-text">
        {icon}
      </span>
      <span className="min-w-0 flex-1">
        <span className="block font-semibold">{title}</span>
        {detail && <span className="block truncate text-13 text-text-2">{detail}</span>}
      </span>
      {children}
    </Link>
  );
}

function Chats({
  items,
  selected,
  filter,
  firstSteps,
}: {
  items: ChatItem[] | undefined;
  selected: string | undefined;
  filter: ChatFilter;
  firstSteps: ReactNode;
}) {
  const { _ } = useLingui();
  if (!items)
    return (
      <div className="px-3" aria-busy>
        {[0, 1, 2, 3, 4].map((index) => (
          <ChatRowSkeleton key={index} />
        ))}
      </div>
    );
  if (items.length === 0)
    return (
      <>
        <p className={classes('px-5 py-3 text-13 text-text-2', filter === 'all' && 'max-md:hidden')}>
          {filter === 'all'
            ? _('chats.emptyAll')
            : filter === 'unread'
              ? _('chats.emptyUnread')
              : _('chats.emptyArchived')}
        </p>
        {filter === 'all' && (
          <div className="flex min-h-0 flex-1 overflow-y-auto md:hidden">{firstSteps}</div>
        )}
      </>
    );
  return <ChatList items={items} selected={selected} />;
}

/** People who wrote first and wait for an answer. */
export function RequestsPane({ selected }: { selected: string | undefined }) {
  const { _ } = useLingui();
  const toRow = useChatRow();
  const view = useQuery({ type: 'chats', filter: 'requests' });
  const items = view?.type === 'chats' ? view.items : [];
  return (
    <>
      <header className="flex h-(--header-h) shrink-0 items-center gap-1 px-2 md:px-3">
        <Link
          to="/"
          aria-label={_('ui.back')}
          className="grid size-(--hit) place-items-center rounded-md text-text-2 hover:bg-hover"
        >
          <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="rtl:rotate-180" />
        </Link>
        <h1 className="text-20 tracking-tight">{_('chats.requests')}</h1>
      </header>
      <p className="px-5 pb-3 text-13 text-text-2">{_('chats.requestsLead')}</p>
      {view && items.length === 0 && <p className="px-5 py-3 text-13 text-text-2">{_('chats.noRequests')}</p>}
      <ul className="min-h-0 flex-1 overflow-y-auto px-3">
        {items.map((item) => (
          <li key={item.conversation_id}>
            <Link
              to={`/chats/${item.conversation_id}`}
              aria-current={item.conversation_id === selected ? 'true' : undefined}
              className="block rounded-md -outline-offset-2"
            >
              <ChatRow row={toRow(item)} selected={item.conversation_id === selected} />
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
