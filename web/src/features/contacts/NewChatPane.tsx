import { useLingui } from '@lingui/react';
import { ArrowLeft, Info, Star, UserPlus } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Link } from 'react-router';
import { useQuery } from '../../core/hooks';
import { Avatar } from '../../ui/Avatar';
import { EmptyState } from '../../ui/EmptyState';
import { SearchField } from '../../ui/SearchField';

/** Whom to write to: the people of this account, favourites first. */
export function NewChatPane({ adding }: { adding: boolean }) {
  const { _ } = useLingui();
  const [text, setText] = useState('');
  const view = useQuery({ type: 'contacts', text: useDeferredValue(text.trim()) });
  const contacts =
    view?.type === 'contacts'
      ? view.contacts.toSorted((a, b) => Number(b.favourite) - Number(a.favourite))
      : undefined;
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
        <h1 className="text-20 tracking-tight">{_('contacts.newChat')}</h1>
      </header>
      <div className="shrink-0 px-3 pb-2" data-search>
        <SearchField label={_('contacts.search')} value={text} onChange={setText} />
      </div>
      <div data-region tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto px-3 pb-3 outline-none">
        <Link
          to="/add"
          aria-current={adding ? 'page' : undefined}
          className="flex min-h-16 items-center gap-3 rounded-md px-2 font-semibold -outline-offset-2 hover:bg-hover md:aria-[current]:bg-selected"
        >
          <span className="grid size-11 place-items-center rounded-full bg-primary-tint text-primary-text">
            <UserPlus size={20} strokeWidth={1.75} aria-hidden />
          </span>
          {_('contacts.add')}
        </Link>
        {contacts && contacts.length > 0 && (
          <h2 className="flex justify-between px-2 pt-4 pb-2 text-12 text-text-3">
            {_('contacts.title')}
            <span className="tabular-nums">{contacts.length}</span>
          </h2>
        )}
        <ul>
          {contacts?.map((contact) => (
            <li key={contact.contact_id} className="flex items-center">
              <Link
                to={
                  contact.conversation_id
                    ? `/chats/${contact.conversation_id}`
                    : `/contacts/${contact.contact_id}`
                }
                className="flex min-h-14 min-w-0 flex-1 items-center gap-3 rounded-md px-2 -outline-offset-2 hover:bg-hover"
              >
                <Avatar name={contact.name} seed={contact.colour_seed} size={40} />
                <span className="min-w-0 flex-1">
                  <span dir="auto" className="block w-fit max-w-full truncate font-semibold">
                    {contact.name}
                  </span>
                  <span className="block truncate text-13 text-text-2">@{contact.handle}</span>
                </span>
                {contact.favourite && (
                  <Star
                    size={16}
                    strokeWidth={2}
                    role="img"
                    aria-label={_('contacts.favourite')}
                    className="text-text-3"
                  />
                )}
              </Link>
              <Link
                to={`/contacts/${contact.contact_id}`}
                aria-label={`${_('contacts.info')}: ${contact.name}`}
                className="grid size-(--hit) shrink-0 place-items-center rounded-md text-text-2 hover:bg-hover"
              >
                <Info size={20} strokeWidth={1.75} aria-hidden />
              </Link>
            </li>
          ))}
        </ul>
        {contacts?.length === 0 && (
          <EmptyState title={text === '' ? _('contacts.none') : _('search.none')}>
            {text === '' ? _('contacts.noneDetail') : _('contacts.noneFound')}
          </EmptyState>
        )}
      </div>
    </>
  );
}
