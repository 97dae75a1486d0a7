import { useLingui } from '@lingui/react';
import { useEffect } from 'react';
import { matchPath, useLocation } from 'react-router';
import { useCore, useQuery } from '../core/hooks';
import { settingsPages, useSettingsTitle } from '../features/settings/pages';

const WAIT_MS = 300;

/** Names the place in the title, and how much is unread. Never a person: browsers keep titles in a history, in the clear. */
export function PageTitle() {
  const { boot } = useCore();
  const view = useQuery(boot.state === 'ready' ? { type: 'account' } : null);
  const account = view?.type === 'account' ? view : undefined;
  const placeName = usePlaceName();
  const { _ } = useLingui();
  const { pathname } = useLocation();
  const name =
    boot.state === 'locked' ? _('auth.unlock') : account && placeName(pathname, account.state === 'none');
  const title = [name, 'SecureChat'].filter(Boolean).join(' – ');
  const unread = account?.unread ?? 0;
  useEffect(() => {
    // What is read as it comes never counts: a title that changes twice for each message costs more than its row.
    const timer = setTimeout(() => {
      document.title = unread > 0 ? `(${unread}) ${title}` : title;
    }, WAIT_MS);
    return () => clearTimeout(timer);
  }, [title, unread]);
  return null;
}

/** What stands at an address; undefined for the page everybody begins with. */
function usePlaceName(): (pathname: string, nobody: boolean) => string | undefined {
  const { _ } = useLingui();
  const settingsTitle = useSettingsTitle();
  const before: [string, () => string][] = [
    ['/signup', () => _('auth.createAccount')],
    ['/login', () => _('auth.logIn')],
    ['/server', () => _('settings.server')],
  ];
  const after: [string, (part: string | undefined) => string][] = [
    ['/chats/:id', () => _('chat.title')],
    ['/chats/:id/info', () => _('chat.info')],
    ['/chats/:id/message/:message', () => _('details.title')],
    ['/chats/:id/verify', () => _('chat.checkSafety')],
    ['/contacts/:id', () => _('chat.info')],
    ['/requests', () => _('chats.requests')],
    ['/new', () => _('contacts.title')],
    ['/add', () => _('contacts.add')],
    [
      '/settings/:page?',
      (part) => {
        const page = settingsPages.find((candidate) => candidate === part);
        return page ? settingsTitle(page) : _('settings.title');
      },
    ],
  ];
  return (pathname, nobody) => {
    for (const [pattern, name] of nobody ? before : after) {
      const match = matchPath(pattern, pathname);
      if (match) return name(match.params['page']);
    }
    return nobody ? undefined : _('chats.title');
  };
}
