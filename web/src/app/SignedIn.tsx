import { useLingui } from '@lingui/react';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { Route, Routes, useLocation, useNavigate, useParams } from 'react-router';
import type { AccountView } from '../core/generated/AccountView';
import { useCommand, useQuery } from '../core/hooks';
import { inviteUrl } from '../core/links';
import { onNoticeOpened } from '../core/notifications';
import { ConversationPane, type ChatSettings } from '../features/chat/ConversationPane';
import { MessageDetails } from '../features/chat/MessageDetails';
import { ChatListPane, RequestsPane } from '../features/chats/ChatListPane';
import { ChatSwitcher } from '../features/chats/ChatSwitcher';
import { NoChatSelected } from '../features/chats/NoChatSelected';
import { AddContactPage } from '../features/contacts/AddContactPage';
import { ContactInfo } from '../features/contacts/ContactInfo';
import { NewChatPane } from '../features/contacts/NewChatPane';
import { VerifyPage } from '../features/contacts/VerifyPage';
import { Dialog } from '../ui/Dialog';
import { Gone } from '../ui/Gone';
import { useRefusalText } from '../ui/refusals';
import { ShortcutTable } from '../ui/ShortcutSheet';
import { useToasts } from '../ui/toasts';
import { copyText } from './copy';
import { Frame, type PhoneView } from './Frame';
import { keyLabel, onMac } from './keys';
import { Notices } from './Notices';
import { useChatJumps } from './useChatJumps';
import { useMessageKeys, useShortcutGroups } from './useShortcutGroups';
import { useKeys } from './useKeys';
import { moveRegion, useShortcuts } from './useShortcuts';

const SettingsScreens = lazy(() =>
  import('./SettingsScreens').then((module) => ({ default: module.SettingsScreens })),
);

/** A number that stays, to pick the colour of the own picture from. */
export function seedOf(text: string): number {
  let seed = 7;
  for (const character of text) seed = (seed * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return seed;
}

/** Everything behind the account: composes the features into panes by route. */
export function SignedIn({
  account,
  host,
  invite,
  onInviteUsed,
}: {
  account: AccountView;
  host: string;
  invite: string | null;
  onInviteUsed: () => void;
}) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const location = useLocation();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const groups = useShortcutGroups();
  const keys = useKeys((state) => state.chosen);
  const [switching, setSwitching] = useState(false);
  const [sheet, setSheet] = useState(false);
  /** The chat whose own search is open. */
  const [searchIn, setSearchIn] = useState<string>();
  const settingsView = useQuery({ type: 'settings' });
  const settings = settingsView?.type === 'settings' ? settingsView.settings : undefined;
  const chatSettings: ChatSettings = {
    enterSends: settings?.enter_sends ?? true,
    messageKeys: useMessageKeys(settings?.single_key_shortcuts ?? true),
    typingIndicators: settings?.typing_indicators ?? true,
  };
  const openChat = /^\/chats\/([^/]+)/.exec(location.pathname)?.[1];
  const jump = useChatJumps(openChat);

  const copy = useCallback(
    async (text: string) => {
      await copyText(text);
      showToast({ text: _('ui.copied') });
    },
    [showToast, _],
  );
  const copyQuietly = useCallback((text: string) => void copy(text), [copy]);
  const copyInvite = async () => {
    const result = await command({ type: 'create_invite_link' });
    if (result.type === 'err') showToast({ text: refusalText(result.refusal.code) });
    else if (result.reply.type === 'invite_link') await copy(inviteUrl(result.reply.link.payload));
  };

  useEffect(() => onNoticeOpened((conversationId) => void navigate(`/chats/${conversationId}`)), [navigate]);
  useEffect(() => {
    if (invite) void navigate('/add');
  }, [invite, navigate]);

  useShortcuts({
    quickSwitch: () => setSwitching(true),
    searchAll: () => {
      if (openChat === undefined) focusSearch();
      else void Promise.resolve(navigate('/')).then(() => requestAnimationFrame(focusSearch));
    },
    searchHere: openChat === undefined ? focusSearch : () => setSearchIn(openChat),
    newChat: () => void navigate('/add'),
    previousChat: () => jump(-1, false),
    nextChat: () => jump(1, false),
    previousUnread: () => jump(-1, true),
    nextUnread: () => jump(1, true),
    nextRegion: () => moveRegion(1),
    previousRegion: () => moveRegion(-1),
    shortcuts: () => setSheet(true),
  });

  const nothingOpen = (
    <NoChatSelected newChatKeys={keyLabel('newChat', onMac, keys)} onCopyLink={() => void copyInvite()} />
  );
  const chats = (
    <ChatListPane
      selected={openChat}
      requests={account.requests}
      kitMissing={!account.kit_taken}
      notices={<Notices account={account} />}
      firstSteps={nothingOpen}
      searchShortcut={keyLabel('quickSwitch', onMac, keys)}
    />
  );
  const frame = (parts: {
    view: PhoneView;
    list: React.ReactNode;
    main: React.ReactNode;
    details?: React.ReactNode;
    place: 'chats' | 'contacts' | 'settings' | 'profile';
  }) => <Frame {...parts} account={account} seed={seedOf(account.handle)} />;

  const conversation = (id: string, detailsOpen: boolean) => (
    <ConversationPane
      key={id}
      conversationId={id}
      settings={chatSettings}
      detailsOpen={detailsOpen}
      searchOpen={searchIn === id}
      onSearchOpen={(open) => setSearchIn(open ? id : undefined)}
      onCopy={copyQuietly}
    />
  );
  const adding = (
    <AddContactPage
      handle={account.handle}
      name={account.display_name}
      invite={invite}
      onInviteUsed={onInviteUsed}
      onCopy={copy}
    />
  );

  return (
    <>
      <Routes>
        <Route
          path="/chats/:id"
          element={
            <WithId>
              {(id) => frame({ view: 'main', place: 'chats', list: chats, main: conversation(id, false) })}
            </WithId>
          }
        />
        <Route
          path="/chats/:id/info"
          element={
            <WithId>
              {(id) =>
                frame({
                  view: 'details',
                  place: 'chats',
                  list: chats,
                  main: conversation(id, true),
                  details: <InfoOfChat conversationId={id} />,
                })
              }
            </WithId>
          }
        />
        <Route
          path="/chats/:id/message/:messageId"
          element={
            <WithId>
              {(id, messageId) =>
                frame({
                  view: 'details',
                  place: 'chats',
                  list: chats,
                  main: conversation(id, true),
                  details: <MessageDetails conversationId={id} messageId={messageId} />,
                })
              }
            </WithId>
          }
        />
        <Route
          path="/chats/:id/verify"
          element={
            <WithId>
              {(id) =>
                frame({
                  view: 'main',
                  place: 'chats',
                  list: chats,
                  main: <VerifyChat conversationId={id} onCopy={copyQuietly} />,
                })
              }
            </WithId>
          }
        />
        <Route
          path="/contacts/:id"
          element={
            <WithId>
              {(id) =>
                frame({
                  view: 'main',
                  place: 'contacts',
                  list: <NewChatPane adding={false} />,
                  main: (
                    <div className="mx-auto flex h-full w-full max-w-130 flex-col bg-surface">
                      <ContactInfo contactId={id} closeTo="/new" />
                    </div>
                  ),
                })
              }
            </WithId>
          }
        />
        <Route
          path="/requests"
          element={
            <WithId>
              {() =>
                frame({
                  view: 'list',
                  place: 'chats',
                  list: <RequestsPane selected={undefined} />,
                  main: nothingOpen,
                })
              }
            </WithId>
          }
        />
        <Route
          path="/new"
          element={
            <WithId>
              {() =>
                frame({
                  view: 'list',
                  place: 'contacts',
                  list: <NewChatPane adding={false} />,
                  main: adding,
                })
              }
            </WithId>
          }
        />
        <Route
          path="/add"
          element={
            <WithId>
              {() => frame({ view: 'main', place: 'contacts', list: <NewChatPane adding />, main: adding })}
            </WithId>
          }
        />
        <Route
          path="/settings/:page?"
          element={
            <Suspense>
              <SettingsScreens
                account={account}
                host={host}
                seed={seedOf(account.handle)}
                groups={groups}
                frame={frame}
              />
            </Suspense>
          }
        />
        <Route
          path="*"
          element={
            <WithId>{() => frame({ view: 'list', place: 'chats', list: chats, main: nothingOpen })}</WithId>
          }
        />
      </Routes>
      <ChatSwitcher open={switching} onClose={() => setSwitching(false)} />
      <Dialog title={_('settings.shortcuts')} open={sheet} onClose={() => setSheet(false)} wide>
        <ShortcutTable groups={groups} />
      </Dialog>
    </>
  );
}

/** Around every place, so that its frame and its list stay, with their focus, when another place is opened. */
function WithId({ children }: { children: (id: string, messageId: string) => React.ReactNode }) {
  const { id = '', messageId = '' } = useParams();
  return children(id, messageId);
}

function InfoOfChat({ conversationId }: { conversationId: string }) {
  const { _ } = useLingui();
  const view = useQuery({ type: 'conversation', conversation_id: conversationId });
  if (view?.type === 'not_found')
    return (
      <Gone title={_('contacts.gone')} back={{ href: '#/', label: _('chats.back') }}>
        {_('contacts.goneDetail')}
      </Gone>
    );
  if (view?.type !== 'conversation') return null;
  return (
    <ContactInfo key={view.contact_id} contactId={view.contact_id} closeTo={`/chats/${conversationId}`} />
  );
}

function VerifyChat({ conversationId, onCopy }: { conversationId: string; onCopy: (text: string) => void }) {
  const { _ } = useLingui();
  const view = useQuery({ type: 'conversation', conversation_id: conversationId });
  if (view?.type === 'not_found')
    return (
      <Gone title={_('chat.gone')} back={{ href: '#/', label: _('chats.back') }}>
        {_('chat.goneDetail')}
      </Gone>
    );
  if (view?.type !== 'conversation') return null;
  return (
    <VerifyPage
      key={view.contact_id}
      contactId={view.contact_id}
      back={`/chats/${conversationId}`}
      onCopy={onCopy}
    />
  );
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('[data-search] input')?.focus();
}
