import { useLingui } from '@lingui/react';
import type { ShortcutGroup } from '../ui/ShortcutSheet';
import { keyLabel } from './keys';
import { onMac } from './useShortcuts';

/** Every shortcut of the app with its name. */
export function useShortcutGroups(): ShortcutGroup[] {
  const { _ } = useLingui();
  const key = (action: Parameters<typeof keyLabel>[0]) => keyLabel(action, onMac);
  return [
    {
      title: _('keys.everywhere'),
      shortcuts: [
        { label: _('keys.quickSwitch'), keys: key('quickSwitch') },
        { label: _('keys.searchAll'), keys: key('searchAll') },
        { label: _('keys.newChat'), keys: key('newChat') },
        { label: _('keys.chats'), keys: `${key('previousChat')} / ${key('nextChat')}` },
        { label: _('keys.unread'), keys: `${key('previousUnread')} / ${key('nextUnread')}` },
        { label: _('keys.regions'), keys: `${key('nextRegion')} / ${key('previousRegion')}` },
        { label: _('keys.sheet'), keys: key('shortcuts') },
      ],
    },
    {
      title: _('keys.writing'),
      shortcuts: [
        { label: _('keys.send'), keys: _('keys.enter') },
        { label: _('keys.newline'), keys: `${onMac ? '⇧' : 'Shift'} ${_('keys.enter')}` },
        { label: _('keys.editLast'), keys: '↑' },
        { label: _('keys.cancel'), keys: 'Esc' },
      ],
    },
    {
      title: _('keys.onMessage'),
      shortcuts: [
        { label: _('keys.searchHere'), keys: key('searchHere') },
        { label: _('keys.move'), keys: '↑ / ↓' },
        { label: _('keys.menu'), keys: _('keys.enter') },
        { label: _('chat.reply'), keys: 'R' },
        { label: _('chat.react'), keys: 'E' },
        { label: _('chat.delete'), keys: _('keys.del') },
      ],
    },
  ];
}
