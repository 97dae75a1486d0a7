import { useLingui } from '@lingui/react';
import { now } from '../../core/clock';
import type { ChatItem } from '../../core/generated/ChatItem';
import type { Preview } from '../../core/generated/Preview';
import type { ChatRowData } from '../../ui/ChatRow';
import { formatListTime } from '../../ui/format';
import { useNow } from '../../ui/useNow';

/** Turns an item of the engine's chat list into the words of a row. */
export function useChatRow(): (item: ChatItem) => ChatRowData {
  const { i18n } = useLingui();
  const previewText = usePreviewText();
  const nowMs = useNow(now);
  return (item) => ({
    title: item.title,
    seed: item.colour_seed,
    preview: item.preview ? previewText(item.preview) : '',
    tick: item.preview?.from_me ? item.preview.state?.type : undefined,
    fromMe: item.preview?.from_me === true && item.preview.kind === 'text',
    draft: item.draft,
    typing: item.typing,
    time: item.last_at_ms === null ? '' : formatListTime(item.last_at_ms, nowMs, i18n.locale),
    unread: item.unread,
    muted: item.muted,
    pinned: item.pinned,
    blocked: item.blocked,
  });
}

function usePreviewText(): (preview: Preview) => string {
  const { _ } = useLingui();
  return (preview) => {
    switch (preview.kind) {
      case 'text':
        return preview.text;
      case 'deleted':
        return preview.from_me ? _('chats.youDeleted') : _('chats.deleted');
      case 'healing':
        return _('chats.healing');
      case 'unsupported':
        return _('chats.unsupported');
      case 'system':
        return _('chats.noMessages');
    }
  };
}
