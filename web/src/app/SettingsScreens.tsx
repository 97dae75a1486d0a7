import type { ReactNode } from 'react';
import { useNavigate, useParams } from 'react-router';
import type { AccountView } from '../core/generated/AccountView';
import { BlockListPage } from '../features/contacts/BlockListPage';
import { SessionsPage } from '../features/devices/SessionsPage';
import { AboutPage } from '../features/settings/AboutPage';
import { AccessibilityPage } from '../features/settings/AccessibilityPage';
import { AppearancePage } from '../features/settings/AppearancePage';
import { LanguagePage } from '../features/settings/LanguagePage';
import { NotificationsPage } from '../features/settings/NotificationsPage';
import { settingsPages, type SettingsPageId } from '../features/settings/pages';
import { PrivacyPage } from '../features/settings/PrivacyPage';
import { ProfilePage } from '../features/settings/ProfilePage';
import { RecoveryPage } from '../features/settings/RecoveryPage';
import { ServerPage } from '../features/settings/ServerPage';
import { SettingsPane } from '../features/settings/SettingsPane';
import { ShortcutsPage } from '../features/settings/ShortcutsPage';
import { StoragePage } from '../features/settings/StoragePage';
import type { ShortcutGroup } from '../ui/ShortcutSheet';
import type { PhoneView } from './Frame';
import { useKeyChoices } from './useShortcutGroups';

/** The settings list and the page of the address; wide screens open the first page by themselves. */
export function SettingsScreens({
  account,
  host,
  seed,
  groups,
  frame,
}: {
  account: AccountView;
  host: string;
  seed: number;
  groups: readonly ShortcutGroup[];
  frame: (parts: {
    view: PhoneView;
    list: ReactNode;
    main: ReactNode;
    place: 'chats' | 'contacts' | 'settings' | 'profile';
  }) => ReactNode;
}) {
  const { page } = useParams();
  const navigate = useNavigate();
  const keys = useKeyChoices();
  const onBack = () => void navigate('/settings');
  const asked = settingsPages.find((candidate) => candidate === page);
  const shown = asked ?? 'profile';
  const pages: Record<SettingsPageId, () => ReactNode> = {
    profile: () => (
      <ProfilePage
        key={account.display_name}
        name={account.display_name}
        handle={account.handle}
        seed={seed}
        onBack={onBack}
      />
    ),
    privacy: () => <PrivacyPage onBack={onBack} />,
    notifications: () => <NotificationsPage onBack={onBack} />,
    appearance: () => <AppearancePage onBack={onBack} />,
    storage: () => <StoragePage onBack={onBack} />,
    sessions: () => <SessionsPage onBack={onBack} />,
    recovery: () => <RecoveryPage handle={account.handle} host={host} onBack={onBack} />,
    blocked: () => <BlockListPage onBack={onBack} />,
    language: () => <LanguagePage onBack={onBack} />,
    accessibility: () => <AccessibilityPage onBack={onBack} />,
    shortcuts: () => <ShortcutsPage groups={groups} keys={keys} onBack={onBack} />,
    server: () => <ServerPage host={host} onBack={onBack} />,
    about: () => <AboutPage host={host} deviceName={account.device_name} onBack={onBack} />,
  };
  return frame({
    view: asked ? 'main' : 'list',
    place: asked === 'profile' ? 'profile' : 'settings',
    list: <SettingsPane current={shown} name={account.display_name} handle={account.handle} seed={seed} />,
    main: (
      <div data-region tabIndex={-1} className="flex min-h-0 flex-1 flex-col outline-none">
        {pages[shown]()}
      </div>
    ),
  });
}
