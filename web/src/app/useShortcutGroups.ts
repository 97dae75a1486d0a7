import { useLingui } from '@lingui/react';
import { useCallback, useMemo } from 'react';
import type { KeyChoice, KeyChoices } from '../features/settings/ShortcutsPage';
import type { ShortcutGroup } from '../ui/ShortcutSheet';
import type { MessageKeys } from '../features/chat/MessageRow';
import { isOnMessage, keyActions, keyLabel, messageActionOf, onMac, type KeyAction } from './keys';
import { useKeys } from './useKeys';

/** How the key of an action is written, in the person's language. */
function useKeyLabel(): (action: KeyAction) => string {
  const { _ } = useLingui();
  const chosen = useKeys((state) => state.chosen);
  return useCallback(
    (action) => {
      const label = keyLabel(action, onMac, chosen);
      return label === 'Delete' ? _('keys.del') : label;
    },
    [chosen, _],
  );
}

/** The keys that act on the focused message; null while single keys are switched off. */
export function useMessageKeys(on: boolean): MessageKeys | null {
  const chosen = useKeys((state) => state.chosen);
  const label = useKeyLabel();
  return useMemo(
    () =>
      on
        ? {
            actionOf: (event) => messageActionOf(event, chosen),
            labels: { reply: label('reply'), react: label('react'), remove: label('remove') },
          }
        : null,
    [on, chosen, label],
  );
}

/** Every shortcut of the app with its name. */
export function useShortcutGroups(): ShortcutGroup[] {
  const { _ } = useLingui();
  const key = useKeyLabel();
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
        { label: _('chat.reply'), keys: key('reply') },
        { label: _('chat.react'), keys: key('react') },
        { label: _('chat.delete'), keys: key('remove') },
      ],
    },
  ];
}

/** The shortcuts that a person may change, and what a pressed key does to them. */
export function useKeyChoices(): KeyChoices {
  const { _ } = useLingui();
  const { chosen, record, reset } = useKeys();
  const key = useKeyLabel();
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
    reply: _('keys.replyTo'),
    react: _('keys.reactTo'),
    remove: _('keys.deleteIt'),
  };
  return {
    choices: keyActions.map((action): KeyChoice => ({
      id: action,
      label: labels[action],
      keys: key(action),
      onPress: (event) => {
        const recorded = record(action, event);
        switch (recorded.type) {
          case 'taken':
            return { done: false, fault: _('shortcuts.taken', { action: labels[recorded.by] }) };
          case 'unusable':
            return {
              done: false,
              fault: isOnMessage(action) ? _('shortcuts.unusableOnMessage') : _('shortcuts.unusable'),
            };
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
