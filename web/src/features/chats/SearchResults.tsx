import { useLingui } from '@lingui/react';
import { useDeferredValue } from 'react';
import { Link } from 'react-router';
import { now } from '../../core/clock';
import type { SearchHit } from '../../core/generated/SearchHit';
import { useQuery } from '../../core/hooks';
import { Avatar } from '../../ui/Avatar';
import { EmptyState } from '../../ui/EmptyState';
import { formatListTime } from '../../ui/format';
import { useNow } from '../../ui/useNow';

const HITS_MAX = 100;

/** What the search on this device found: people first, then messages. */
export function SearchResults({
  text,
  conversationId,
  selected,
}: {
  text: string;
  conversationId: string | null;
  selected: string | undefined;
}) {
  const { _ } = useLingui();
  const wanted = useDeferredValue(text.trim());
  const view = useQuery({ type: 'search', text: wanted, conversation_id: conversationId, limit: HITS_MAX });
  if (view?.type !== 'search') return <div aria-busy className="flex-1" />;
  if (view.hits.length === 0 && view.contacts.length === 0)
    return <EmptyState title={_('search.none')}>{_('search.noneDetail', { text: wanted })}</EmptyState>;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-3 pb-3" data-region tabIndex={-1}>
      <p role="status" className="sr-only">
        {_('search.found', { messages: view.hits.length, people: view.contacts.length })}
      </p>
      {view.contacts.length > 0 && (
        <section aria-label={_('search.people')}>
          <h2 className="px-2 pt-4 pb-2 text-12 text-text-3">{_('search.people')}</h2>
          {view.contacts.map((contact) => (
            <Link
              key={contact.contact_id}
              to={
                contact.conversation_id
                  ? `/chats/${contact.conversation_id}`
                  : `/contacts/${contact.contact_id}`
              }
              className="flex min-h-14 items-center gap-3 rounded-md px-2 -outline-offset-2 hover:bg-hover"
            >
              <Avatar name={contact.name} seed={contact.colour_seed} size={40} />
              <span className="min-w-0">
                <span dir="auto" className="block w-fit max-w-full truncate font-semibold">
                  {contact.name}
                </span>
                <span className="block truncate text-13 text-text-2">@{contact.handle}</span>
              </span>
            </Link>
          ))}
        </section>
      )}
      {view.hits.length > 0 && (
        <section aria-label={_('search.messages')}>
          <h2 className="flex justify-between px-2 pt-4 pb-2 text-12 text-text-3">
            {_('search.messages')}
            <span className="tabular-nums">{view.more ? `${view.hits.length}+` : view.hits.length}</span>
          </h2>
          {view.hits.map((hit) => (
            <HitRow key={hit.message_id} hit={hit} current={hit.message_id === selected} />
          ))}
          {view.more && <p className="px-2 py-3 text-13 text-text-2">{_('search.more')}</p>}
        </section>
      )}
    </div>
  );
}

function HitRow({ hit, current }: { hit: SearchHit; current: boolean }) {
  const { _, i18n } = useLingui();
  const nowMs = useNow(now);
  return (
    <Link
      to={`/chats/${hit.conversation_id}?at=${hit.message_id}`}
      aria-current={current ? 'true' : undefined}
      className="flex gap-3 rounded-md px-2 py-2 -outline-offset-2 hover:bg-hover aria-[current]:bg-selected"
    >
      <Avatar name={hit.title} seed={hit.colour_seed} />
      <span className="min-w-0 flex-1">
        <span className="flex items-baseline gap-2">
          <span className="flex min-w-0 flex-1 font-semibold">
            <span dir="auto" className="truncate">
              {hit.title}
            </span>
          </span>
          <time className="text-12 text-text-3">{formatListTime(hit.at_ms, nowMs, i18n.locale)}</time>
        </span>
        <span className="line-clamp-2 text-13 wrap-anywhere text-text-2">
          {hit.from_me && <b className="font-medium text-text">{_('ui.youPrefix')} </b>}
          {hit.snippet.map((part, index) =>
            part.matched ? <mark key={index}>{part.text}</mark> : <span key={index}>{part.text}</span>,
          )}
        </span>
      </span>
    </Link>
  );
}
