import { useLingui } from '@lingui/react';
import { Ban, ChevronRight, MonitorSmartphone, ShieldCheck, Star, Trash2, UserMinus, X } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Link, useNavigate } from 'react-router';
import type { Command } from '../../core/generated/Command';
import type { ContactView } from '../../core/generated/ContactView';
import { useCommand, useQuery } from '../../core/hooks';
import { Avatar } from '../../ui/Avatar';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { formatMoment } from '../../ui/format';
import { Gone } from '../../ui/Gone';
import { IconButton } from '../../ui/IconButton';
import { useRefusalText } from '../../ui/refusals';
import { TextField } from '../../ui/TextField';
import { useToasts } from '../../ui/toasts';
import { TrustLine } from '../../ui/TrustLine';

type Question = 'block' | 'remove' | 'delete';

/** What this device knows of a person, and what can be done. `closeTo` is where the cross leads. */
export function ContactInfo({ contactId, closeTo }: { contactId: string; closeTo: string }) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const view = useQuery({ type: 'contact', contact_id: contactId });
  return (
    <>
      <header className="flex h-(--header-h) shrink-0 items-center gap-2 ps-5 pe-3">
        <h2 className="flex-1 text-17">{_('contacts.info')}</h2>
        <IconButton icon={X} label={_('ui.close')} onClick={() => void navigate(closeTo)} />
      </header>
      {view?.type === 'not_found' && (
        <Gone title={_('contacts.gone')} back={{ href: '#/new', label: _('contacts.back') }}>
          {_('contacts.goneDetail')}
        </Gone>
      )}
      {view?.type === 'contact' && <Known view={view} />}
    </>
  );
}

function Known({ view }: { view: ContactView }) {
  const { _, i18n } = useLingui();
  const navigate = useNavigate();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const [question, setQuestion] = useState<Question>();
  const { item } = view;
  const { contact_id: contactId, conversation_id: conversationId } = item;
  const since = 'at_ms' in item.trust ? formatMoment(item.trust.at_ms, i18n.locale) : undefined;

  const run = async (asked: Command, then?: () => void) => {
    setQuestion(undefined);
    const result = await command(asked);
    if (result.type === 'ok') then?.();
    else showToast({ text: refusalText(result.refusal.code, result.refusal.retry_after_s) });
  };

  return (
    <div className="min-h-0 flex-1 overflow-y-auto pb-6">
      <div className="flex flex-col items-center gap-1 px-5 pt-3 pb-4 text-center">
        <span className="mb-2">
          <Avatar name={item.name} seed={item.colour_seed} size={72} />
        </span>
        <p dir="auto" className="max-w-full text-20 font-semibold tracking-tight wrap-anywhere">
          {item.name}
        </p>
        <p className="max-w-full text-13 text-text-2 wrap-anywhere">@{item.handle}</p>
        <TrustLine state={item.trust.type} since={since} className="mt-1" />
      </div>
      <div className="grid gap-1 border-y border-divider px-3 py-2">
        {conversationId && (
          <ItemLink
            to={`/chats/${conversationId}/verify`}
            icon={<ShieldCheck size={20} strokeWidth={1.75} aria-hidden />}
          >
            {_('contacts.safetyNumber')}
          </ItemLink>
        )}
        <div className="flex min-h-12 items-center gap-3 px-2">
          <MonitorSmartphone size={20} strokeWidth={1.75} aria-hidden className="text-text-2" />
          <span className="flex-1">{_('contacts.devices')}</span>
          <span className="text-13 text-text-2 tabular-nums">{view.devices}</span>
        </div>
        <button
          type="button"
          aria-pressed={item.favourite}
          onClick={() =>
            void run({ type: 'set_favourite', contact_id: contactId, favourite: !item.favourite })
          }
          className="flex min-h-12 items-center gap-3 rounded-md px-2 text-start hover:bg-hover"
        >
          <Star
            size={20}
            strokeWidth={1.75}
            aria-hidden
            className={item.favourite ? 'fill-accent text-accent-edge' : 'text-text-2'}
          />
          {item.favourite ? _('contacts.unfavourite') : _('contacts.makeFavourite')}
        </button>
      </div>
      <Nickname
        key={view.nickname}
        view={view}
        onSave={(nickname) => void run({ type: 'set_nickname', contact_id: contactId, nickname })}
      />
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 border-b border-divider px-5 pb-4 text-13">
        <dt className="text-text-2">{_('contacts.ownName')}</dt>
        <dd dir="auto" className="justify-self-end text-end wrap-anywhere">
          {view.display_name || `@${item.handle}`}
        </dd>
        <dt className="text-text-2">{_('contacts.since')}</dt>
        <dd className="text-end">{formatMoment(view.added_at_ms, i18n.locale)}</dd>
        <dt className="text-text-2">{_('contacts.identity')}</dt>
        <dd className="code-text text-end">{view.identity_short}</dd>
      </dl>
      <div className="grid gap-1 px-3 py-2">
        {item.blocked ? (
          <Act
            icon={<Ban size={20} strokeWidth={1.75} aria-hidden />}
            onPress={() => void run({ type: 'unblock', contact_id: contactId })}
          >
            {_('chat.unblock')}
          </Act>
        ) : (
          <Act
            danger
            icon={<Ban size={20} strokeWidth={1.75} aria-hidden />}
            onPress={() => setQuestion('block')}
          >
            {_('chat.block')}
          </Act>
        )}
        <Act
          danger
          icon={<UserMinus size={20} strokeWidth={1.75} aria-hidden />}
          onPress={() => setQuestion('remove')}
        >
          {_('contacts.remove')}
        </Act>
        {conversationId && (
          <Act
            danger
            icon={<Trash2 size={20} strokeWidth={1.75} aria-hidden />}
            onPress={() => setQuestion('delete')}
          >
            {_('contacts.deleteChat')}
          </Act>
        )}
      </div>
      <Dialog
        role="alertdialog"
        open={question !== undefined}
        onClose={() => setQuestion(undefined)}
        title={
          question === 'block'
            ? _('contacts.blockTitle', { name: item.name })
            : question === 'remove'
              ? _('contacts.removeTitle', { name: item.name })
              : _('contacts.deleteChatTitle')
        }
      >
        <p className="text-text-2">
          {question === 'block'
            ? _('contacts.blockText')
            : question === 'remove'
              ? _('contacts.removeText')
              : _('contacts.deleteChatText')}
        </p>
        <DialogActions>
          <Button variant="outline" onClick={() => setQuestion(undefined)} autoFocus>
            {_('ui.cancel')}
          </Button>
          <Button
            variant="danger"
            onClick={() => {
              if (question === 'block') void run({ type: 'block', contact_id: contactId });
              else if (question === 'remove')
                void run({ type: 'remove_contact', contact_id: contactId }, () => void navigate('/'));
              else if (conversationId)
                void run(
                  { type: 'delete_conversation', conversation_id: conversationId },
                  () => void navigate('/'),
                );
            }}
          >
            {question === 'block'
              ? _('chat.block')
              : question === 'remove'
                ? _('contacts.remove')
                : _('chat.delete')}
          </Button>
        </DialogActions>
      </Dialog>
    </div>
  );
}

function Nickname({ view, onSave }: { view: ContactView; onSave: (nickname: string) => void }) {
  const { _ } = useLingui();
  const [text, setText] = useState(view.nickname);
  return (
    <form
      className="px-5 py-4"
      onSubmit={(event) => {
        event.preventDefault();
        onSave(text.trim());
      }}
    >
      <TextField
        label={_('contacts.nickname')}
        hint={_('contacts.nicknameHint')}
        value={text}
        maxLength={64}
        placeholder={view.display_name || view.item.handle}
        onChange={(event) => setText(event.target.value)}
        trailing={
          text.trim() !== view.nickname && (
            <Button type="submit" size="sm" className="-me-2.5 md:min-h-10">
              {_('ui.save')}
            </Button>
          )
        }
      />
    </form>
  );
}

function ItemLink({ to, icon, children }: { to: string; icon: ReactNode; children: ReactNode }) {
  return (
    <Link to={to} className="flex min-h-12 items-center gap-3 rounded-md px-2 hover:bg-hover">
      <span className="text-text-2">{icon}</span>
      <span className="flex-1">{children}</span>
      <ChevronRight size={18} strokeWidth={1.75} aria-hidden className="text-text-3 rtl:rotate-180" />
    </Link>
  );
}

function Act({
  icon,
  danger,
  onPress,
  children,
}: {
  icon: ReactNode;
  danger?: boolean;
  onPress: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      onClick={onPress}
      className={`flex min-h-12 items-center gap-3 rounded-md px-2 text-start hover:bg-hover ${danger ? 'text-danger' : ''}`}
    >
      {icon}
      {children}
    </button>
  );
}
