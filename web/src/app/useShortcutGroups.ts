import { useLingui } from '@lingui/react';
import type { KeyChoice, KeyChoices } from '../features/settings/ShortcutsPage';
import type { ShortcutGroup } from '../ui/ShortcutSheet';
import { keyActions, keyLabel, onMac, type KeyAction } from './keys';
import { useKeys } from './useKeys';

/** Every shortcut of the app with its name. */
export function useShortcutGroups(): ShortcutGroup[] {
  const { _ } = useLingui();
  const chosen = useKeys((state) => state.chosen);
  const key = (action: KeyAction) => keyLabel(action, onMac, chosen);
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

/** The shortcuts that a person may change, and what a pressed key does to them. */
export function useKeyChoices(): KeyChoices {
  const { _ } = useLingui();
  const { chosen, record, reset } = useKeys();
  const labels: Record<KeyAction, string> = {
    quickSwitch: _('keys.quickSwitch'),
    searchHere: _('keys.searchHere'),
    searchAll: _('keys.searchAll'),
    previousChat: _('keys.previousChat'),
    nextChat: _('keys.nextChat'),
    previousUnread: _('keys.previousUnread'),
    nextUnread: _('keys.nextUnread'),
    nextRegion: _('keys.nextRegion'),
    previousRegion: _('keys.previousRegion'),
    newChat: _('keys.newChat'),
    shortcuts: _('keys.sheet'),
  };
  return {
    choices: keyActions.map((action): KeyChoice => ({
      id: action,
      label: labels[action],
      keys: keyLabel(action, onMac, chosen),
      onPress: (event) => {
        const recorded = record(action, event);
        switch (recorded.type) {
          case 'taken':
            return { done: false, fault: _('shortcuts.taken', { action: labels[recorded.by] }) };
          case 'unusable':
            return { done: false, fault: _('shortcuts.unusable') };
          case 'waiting':
            return { done: false };
          case 'chosen':
            return { done: true };
        }
      },
    })),
    onReset: Object.keys(chosen).length > 0 ? reset : undefined,
  };
}
