import { useLingui } from '@lingui/react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import type { ConversationView } from '../../core/generated/ConversationView';
import { useCommand, useFocus, useQuery } from '../../core/hooks';
import type { ComposerHandle } from '../../ui/Composer';
import { Gone } from '../../ui/Gone';
import { useRefusalText } from '../../ui/refusals';
import { useToasts } from '../../ui/toasts';
import { ConversationHeader } from './ConversationHeader';
import { DeleteDialog } from './DeleteDialog';
import { Footer } from './Footer';
import { InChatSearch } from './InChatSearch';
import { MessageList, type Returned } from './MessageList';
import type { MessageActions, MessageKeys } from './MessageRow';
import { usePendingDeletes } from './pendingDeletes';
import { focusRowInView } from './rowFocus';
import { useTimeline } from './useTimeline';

export interface ChatSettings {
  enterSends: boolean;
  messageKeys: MessageKeys | null;
  typingIndicators: boolean;
}

/** What the composer is busy with besides a new message. */
export type ComposerTask = { kind: 'reply' | 'edit'; messageId: string; author: string; text: string };

/** Where the keyboard is on the screen it stays away until it is asked for. */
const hasKeyboard = () => matchMedia('(pointer: fine)').matches;

/** One conversation. Draw it with `key={conversationId}`: nothing is carried over to another. */
export function ConversationPane({
  conversationId,
  settings,
  detailsOpen,
  searchOpen,
  onSearchOpen,
  onCopy,
}: {
  conversationId: string;
  settings: ChatSettings;
  detailsOpen: boolean;
  searchOpen: boolean;
  onSearchOpen: (open: boolean) => void;
  onCopy: (text: string) => void;
}) {
  const { _ } = useLingui();
  const view = useQuery({ type: 'conversation', conversation_id: conversationId });
  // The address may name anything: only a chat that is there can be looked at.
  useFocus(view?.type === 'conversation' ? conversationId : null);
  if (view?.type === 'not_found')
    return (
      <Gone title={_('chat.gone')} back={{ href: '#/', label: _('chats.back') }}>
        {_('chat.goneDetail')}
      </Gone>
    );
  if (!view) return <div aria-busy className="flex-1" />;
  return (
    <OpenConversation
      view={view}
      settings={settings}
      detailsOpen={detailsOpen}
      searchOpen={searchOpen}
      onSearchOpen={onSearchOpen}
      onCopy={onCopy}
    />
  );
}

function OpenConversation({
  view,
  settings,
  detailsOpen,
  searchOpen,
  onSearchOpen,
  onCopy,
}: {
  view: ConversationView;
  settings: ChatSettings;
  detailsOpen: boolean;
  searchOpen: boolean;
  onSearchOpen: (open: boolean) => void;
  onCopy: (text: string) => void;
}) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const { hidden, hide, restore } = usePendingDeletes();
  const [params] = useSearchParams();
  const at = params.get('at');
  const conversationId = view.conversation_id;
  const { state } = useLocation() as { state: unknown };
  const timeline = useTimeline(conversationId, at);
  const { toMessage } = timeline;
  const [found, setFound] = useState(at);
  const [task, setTask] = useState<ComposerTask>();
  const [deleting, setDeleting] = useState<string>();
  const [written, setWritten] = useState(0);
  const [returned, setReturned] = useState<Returned>();
  const composer = useRef<ComposerHandle>(null);
  const [foundFor, setFoundFor] = useState(at);
  if (at !== foundFor) {
    setFoundFor(at);
    setFound(at);
  }

  // The line stays where the unread messages began when the conversation was opened.
  const [unreadAtOpen, setUnreadAtOpen] = useState<{ from: string | null; count: number }>();
  if (!unreadAtOpen && !timeline.loading)
    setUnreadAtOpen({ from: timeline.firstUnread, count: timeline.unread });

  // Whoever came by keyboard writes on.
  useEffect(() => {
    const wantsToWrite = typeof state === 'object' && state !== null && 'write' in state;
    if (wantsToWrite && hasKeyboard()) composer.current?.focus();
  }, [state]);

  const canWrite = view.cannot_send === null && !view.blocked && view.request !== 'incoming';

  const items = timeline.items;
  // What rows are given stays the same from message to message: they look up what is shown when they are used.
  const shown = useRef(items);
  useEffect(() => {
    shown.current = items;
  }, [items]);
  const startTask = useCallback(
    (kind: 'reply' | 'edit', messageId: string) => {
      const item = shown.current.find((candidate) => candidate.message_id === messageId);
      if (item?.body.type !== 'text') return;
      setTask({
        kind,
        messageId,
        author: item.from_me ? _('ui.you') : view.title,
        text: item.body.text,
      });
      requestAnimationFrame(() => composer.current?.focus());
    },
    [view.title, _],
  );

  // An edit has a field of its own, which goes away with it.
  const endTask = () => {
    if (!task) return;
    setTask(undefined);
    requestAnimationFrame(() => composer.current?.focus());
  };

  const editLast = () => {
    const last = items.findLast(
      (item) => item.from_me && item.body.type === 'text' && !hidden.has(item.message_id),
    );
    if (last) startTask('edit', last.message_id);
  };

  const run = useCallback(
    async (asked: Parameters<typeof command>[0]) => {
      const result = await command(asked);
      if (result.type === 'err')
        showToast({ text: refusalText(result.refusal.code, result.refusal.retry_after_s) });
      return result.type === 'ok';
    },
    [command, refusalText, showToast],
  );

  const actions = useMemo<MessageActions>(
    () => ({
      reply: (id) => startTask('reply', id),
      edit: (id) => startTask('edit', id),
      remove: (id) => setDeleting(id),
      react: (id, emoji) => {
        const own = shown.current
          .find((item) => item.message_id === id)
          ?.reactions.some((reaction) => reaction.from_me && reaction.emoji === emoji);
        void run({ type: 'react', message_id: id, emoji: own ? '' : emoji });
      },
      retry: (id) => void run({ type: 'retry_message', message_id: id }),
      details: (id) => void navigate(`/chats/${conversationId}/message/${id}`),
      copy: onCopy,
      open: (id) => {
        setFound(id);
        toMessage(id);
      },
    }),
    [startTask, run, navigate, conversationId, onCopy, toMessage],
  );

  const remove = (id: string, forEveryone: boolean) => {
    setDeleting(undefined);
    hide([id]);
    showToast({
      text: forEveryone ? _('chat.deletedForEveryone') : _('chat.deletedForMe'),
      onUndo: () => {
        restore([id]);
        setReturned({ id });
      },
      onExpire: () =>
        void run({
          type: 'delete_messages',
          conversation_id: conversationId,
          message_ids: [id],
          for_everyone: forEveryone,
        }).then(() => restore([id])),
    });
  };

  const incoming = view.request === 'incoming';
  const onSeen = useCallback(
    (messageId: string) => {
      if (incoming) return;
      void command({ type: 'mark_read', conversation_id: conversationId, up_to: messageId });
    },
    [command, conversationId, incoming],
  );

  useEffect(() => {
    if (timeline.lost) showToast({ text: _('chat.messageGone') });
  }, [timeline.lost, showToast, _]);

  const closeSearch = () => {
    const atHit = found !== null && focusRowInView(found);
    if (!atHit && hasKeyboard()) composer.current?.focus();
    setFound(null);
    onSearchOpen(false);
  };

  const deletingItem = items.find((item) => item.message_id === deleting);
  return (
    <>
      <ConversationHeader
        view={view}
        detailsOpen={detailsOpen}
        searchOpen={searchOpen}
        onSearch={() => onSearchOpen(!searchOpen)}
        onRun={(asked) => void run(asked)}
      />
      {searchOpen && (
        <InChatSearch
          conversationId={conversationId}
          onShow={(id) => {
            setFound(id);
            toMessage(id);
          }}
          onClose={closeSearch}
        />
      )}
      <MessageList
        timeline={timeline}
        hidden={hidden}
        name={view.title}
        typing={view.typing}
        found={found}
        written={written}
        returned={returned}
        canWrite={canWrite}
        messageKeys={settings.messageKeys}
        unreadFrom={unreadAtOpen?.from ?? null}
        unreadCount={unreadAtOpen?.count ?? 0}
        actions={actions}
        onSeen={onSeen}
      />
      <Footer
        view={view}
        settings={settings}
        task={task}
        composerRef={composer}
        onTaskDone={endTask}
        onEditLast={editLast}
        onSent={() => {
          setFound(null);
          setWritten((count) => count + 1);
          timeline.toLatest();
        }}
        onRun={run}
      />
      <DeleteDialog
        open={deletingItem !== undefined}
        canForEveryone={deletingItem?.from_me === true && deletingItem.body.type === 'text'}
        name={view.title}
        onClose={() => setDeleting(undefined)}
        onDelete={(forEveryone) => {
          if (deleting) remove(deleting, forEveryone);
        }}
      />
    </>
  );
}
