import { useLingui } from '@lingui/react';
import {
  Accessibility,
  Ban,
  Bell,
  Database,
  EyeOff,
  FileCheck,
  Keyboard,
  Languages,
  LifeBuoy,
  MonitorSmartphone,
  Palette,
  QrCode,
  Server,
  User,
  type LucideIcon,
} from 'lucide-react';
import { Link } from 'react-router';
import { Avatar } from '../../ui/Avatar';
import { PaneHeader } from '../../ui/Pane';
import { settingsPages, useSettingsTitle, type SettingsPageId } from './pages';

const icons: Record<SettingsPageId, LucideIcon> = {
  profile: User,
  privacy: EyeOff,
  notifications: Bell,
  appearance: Palette,
  storage: Database,
  sessions: MonitorSmartphone,
  recovery: LifeBuoy,
  blocked: Ban,
  language: Languages,
  accessibility: Accessibility,
  shortcuts: Keyboard,
  server: Server,
  about: FileCheck,
};

/** The list of settings; the page beside it shows one. */
export function SettingsPane({
  current,
  name,
  handle,
  seed,
}: {
  current: SettingsPageId | undefined;
  name: string;
  handle: string;
  seed: number;
}) {
  const { _ } = useLingui();
  const title = useSettingsTitle();
  return (
    <>
      <PaneHeader title={_('settings.title')} />
      <div className="min-h-0 flex-1 overflow-y-auto px-3 pb-4">
        <div className="flex items-center gap-3 border-b border-divider px-2 pb-4">
          <Avatar name={name || handle} seed={seed} size={56} />
          <div className="min-w-0 flex-1">
            <div dir="auto" className="w-fit max-w-full truncate text-17 font-semibold">
              {name || handle}
            </div>
            <div className="truncate text-13 text-text-2">@{handle}</div>
          </div>
          <Link
            to="/add"
            aria-label={_('settings.showCode')}
            className="grid size-11 place-items-center rounded-md text-text-2 hover:bg-hover"
          >
            <QrCode size={20} strokeWidth={1.75} aria-hidden />
          </Link>
        </div>
        <nav
          data-region
          tabIndex={-1}
          aria-label={_('settings.title')}
          className="grid gap-0.5 pt-2 outline-none"
        >
          {settingsPages.map((page) => {
            const Icon = icons[page];
            return (
              <Link
                key={page}
                to={`/settings/${page}`}
                aria-current={page === current ? 'page' : undefined}
                className={`flex min-h-12 items-center gap-3 rounded-md px-2 -outline-offset-2 hover:bg-hover md:aria-[current]:bg-selected md:aria-[current]:font-medium md:aria-[current]:text-primary-text ${page === 'server' ? 'mt-2' : ''}`}
              >
                <Icon
                  size={20}
                  strokeWidth={1.75}
                  aria-hidden
                  className={page === current ? '' : 'text-text-2'}
                />
                {title(page)}
              </Link>
            );
          })}
        </nav>
      </div>
    </>
  );
}
