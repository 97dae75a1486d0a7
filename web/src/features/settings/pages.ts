import { useLingui } from '@lingui/react';

export const settingsPages = [
  'profile',
  'privacy',
  'notifications',
  'appearance',
  'storage',
  'sessions',
  'recovery',
  'blocked',
  'language',
  'accessibility',
  'shortcuts',
  'server',
  'about',
] as const;
export type SettingsPageId = (typeof settingsPages)[number];

/** Names of the pages, also used as their headings. */
export function useSettingsTitle(): (page: SettingsPageId) => string {
  const { _ } = useLingui();
  const titles: Record<SettingsPageId, () => string> = {
    profile: () => _('settings.profile'),
    privacy: () => _('settings.privacy'),
    notifications: () => _('settings.notifications'),
    appearance: () => _('settings.appearance'),
    storage: () => _('settings.storage'),
    sessions: () => _('sessions.title'),
    recovery: () => _('settings.recovery'),
    blocked: () => _('blocked.title'),
    language: () => _('settings.language'),
    accessibility: () => _('settings.accessibility'),
    shortcuts: () => _('settings.shortcuts'),
    server: () => _('settings.server'),
    about: () => _('settings.about'),
  };
  return (page) => titles[page]();
}
