import { useLingui } from '@lingui/react';
import { MessageCircle, Settings, Users } from 'lucide-react';
import type { ReactNode } from 'react';
import type { AccountView } from '../core/generated/AccountView';
import { classes } from '../ui/classes';
import { Rail, TabBar, type NavEntry } from '../ui/Rail';

/** Which pane a phone shows. */
export type PhoneView = 'list' | 'main' | 'details';

/** Rail, list, main, details side by side; on a phone one of them, with tabs under the list. */
export function Frame({
  view,
  list,
  main,
  details,
  place,
  account,
  seed,
}: {
  view: PhoneView;
  list: ReactNode;
  main: ReactNode;
  details?: ReactNode;
  place: 'chats' | 'contacts' | 'settings' | 'profile';
  account: AccountView;
  seed: number;
}) {
  const { _ } = useLingui();
  const entries: NavEntry[] = [
    {
      id: 'chats',
      label: _('chats.title'),
      icon: MessageCircle,
      href: '#/',
      current: place === 'chats',
      count: account.unread,
    },
    { id: 'contacts', label: _('contacts.title'), icon: Users, href: '#/new', current: place === 'contacts' },
    {
      id: 'settings',
      label: _('settings.title'),
      icon: Settings,
      href: '#/settings',
      current: place === 'settings',
      last: true,
    },
  ];
  return (
    <div className="flex h-dvh flex-col">
      <div
        className={classes(
          'relative grid min-h-0 flex-1 overflow-x-clip md:grid-cols-[64px_minmax(280px,340px)_minmax(0,1fr)]',
          details !== undefined && 'xl:grid-cols-[64px_340px_minmax(0,1fr)_340px]',
        )}
      >
        <Rail
          entries={entries}
          person={{
            name: account.display_name || account.handle,
            seed,
            href: '#/settings/profile',
            current: place === 'profile',
          }}
        />
        {/* All panes are the page's content; a phone shows one of them at a time. */}
        <main className="contents">
          <section
            aria-label={_('app.list')}
            className={classes(
              'relative flex min-h-0 min-w-0 flex-col bg-surface md:border-x md:border-divider',
              view !== 'list' && 'max-md:hidden',
            )}
          >
            {list}
          </section>
          <div
            className={classes('relative flex min-h-0 min-w-0 flex-col', view !== 'main' && 'max-md:hidden')}
          >
            {main}
          </div>
          {details !== undefined && (
            <section
              aria-label={_('app.details')}
              data-region
              tabIndex={-1}
              className={classes(
                'flex min-h-0 min-w-0 animate-panel flex-col bg-surface outline-none md:absolute md:inset-y-0 md:end-0 md:w-85 md:border-s md:border-divider md:shadow-3 xl:static xl:w-auto xl:shadow-none',
                view !== 'details' && 'max-md:hidden',
              )}
            >
              {details}
            </section>
          )}
        </main>
      </div>
      {view === 'list' && <TabBar entries={entries} />}
    </div>
  );
}
