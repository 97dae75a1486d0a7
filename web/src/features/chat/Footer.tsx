import { useLingui } from '@lingui/react';
import { KeyRound, OctagonAlert } from 'lucide-react';
import { useEffect, useRef, useState, type Ref } from 'react';
import { useNavigate } from 'react-router';
import type { Command } from '../../core/generated/Command';
import type { ConversationView } from '../../core/generated/ConversationView';
import { useCommand } from '../../core/hooks';
import { Banner } from '../../ui/Banner';
import { isolated } from '../../ui/bidi';
import { Button } from '../../ui/Button';
import { Composer, type ComposerHandle } from '../../ui/Composer';
import { useRefusalText } from '../../ui/refusals';
import type { ChatSettings, ComposerTask } from './ConversationPane';

/** Limits of the engine: a text, and a first text, which shares its 2 KiB with the sender's introduction. */
const TEXT_BYTES_MAX = 16 * 1024;
const REQUEST_BYTES_MAX = 1024;
const DRAFT_AFTER_MS = 400;
const TYPING_AGAIN_MS = 4000;
const TYPING_ENDS_MS = 5000;

interface FooterProps {
  view: ConversationView;
  settings: ChatSettings;
  task: ComposerTask | undefined;
  composerRef: Ref<ComposerHandle>;
  onTaskDone: () => void;
  onEditLast: () => void;
  onSent: () => void;
  onRun: (command: Command) => Promise<boolean>;
}

/** The foot of a conversation: the composer, or what has to be decided first. */
export function Footer(props: FooterProps) {
  const { view, onRun } = props;
  const { _ } = useLingui();
  const navigate = useNavigate();
  const refusalText = useRefusalText();
  const id = view.conversation_id;

  if (view.blocked)
    return (
      <Decision text={_('chat.youBlocked', { name: isolated(view.title) })}>
        <Button
          variant="outline"
          onClick={() => void onRun({ type: 'unblock', contact_id: view.contact_id })}
        >
          {_('chat.unblock')}
        </Button>
      </Decision>
    );
  if (view.request === 'incoming')
    return (
      <Decision text={_('chat.requestText', { name: isolated(view.title) })}>
        <Button
          variant="danger-text"
          onClick={() =>
            void onRun({ type: 'block', contact_id: view.contact_id }).then((done) => done && navigate('/'))
          }
        >
          {_('chat.block')}
        </Button>
        <Button
          variant="outline"
          onClick={() =>
            void onRun({ type: 'decline_request', conversation_id: id }).then(
              (done) => done && navigate('/requests'),
            )
          }
        >
          {_('chat.decline')}
        </Button>
        <Button variant="accent" onClick={() => void onRun({ type: 'accept_request', conversation_id: id })}>
          {_('chat.accept')}
        </Button>
      </Decision>
    );
  return (
    <div
      data-region
      tabIndex={-1}
      className="shrink-0 px-2 pt-1 pb-[calc(0.5rem+env(safe-area-inset-bottom))] outline-none md:px-6 md:pb-4"
    >
      <div className="mx-auto max-w-170">
        {view.trust.type === 'new_identity' && (
          <div className="mb-2">
            <Banner
              boxed
              icon={KeyRound}
              title={_('chat.newIdentityTitle', { name: view.title })}
              tone={view.trust.was_verified ? 'danger' : 'warning'}
              action={
                <span className="flex flex-wrap gap-2">
                  <Button size="sm" variant="outline" onClick={() => void navigate(`/chats/${id}/verify`)}>
                    {_('chat.compare')}
                  </Button>
                  <Button
                    size="sm"
                    variant="outline"
                    onClick={() =>
                      void onRun({ type: 'accept_new_identity', contact_id: view.contact_id, number: null })
                    }
                  >
                    {_('chat.acceptIdentity')}
                  </Button>
                </span>
              }
            >
              {view.trust.was_verified ? _('chat.newIdentityVerified') : _('chat.newIdentityText')}
            </Banner>
          </div>
        )}
        {view.trust.type === 'frozen' && (
          <div className="mb-2">
            <Banner boxed icon={OctagonAlert} tone="danger" title={_('chat.frozenTitle')}>
              {_('chat.frozenText', { name: view.title })}
            </Banner>
          </div>
        )}
        {view.cannot_send !== null && view.trust.type !== 'new_identity' && view.trust.type !== 'frozen' && (
          <p role="status" className="px-2 pb-2 text-center text-13 text-text-2">
            {refusalText(view.cannot_send)}
          </p>
        )}
        {view.request === 'outgoing' && (
          <p role="status" className="px-2 pb-2 text-center text-13 text-text-2">
            {_('chat.waitingForAccept', { name: isolated(view.title) })}
          </p>
        )}
      </div>
      <Writer key={props.task?.kind === 'edit' ? props.task.messageId : 'new'} {...props} />
    </div>
  );
}

/** Holds the text being written; drafts are kept by the engine, edits and replies are not drafts. */
function Writer({ view, settings, task, composerRef, onTaskDone, onEditLast, onSent, onRun }: FooterProps) {
  const { _ } = useLingui();
  const id = view.conversation_id;
  const editing = task?.kind === 'edit';
  const [text, setText] = useState(editing ? task.text : view.draft);
  // The view may be of a moment before the draft was kept: until a key is pressed the field follows it.
  const [draft, setDraft] = useState(view.draft);
  const [untouched, setUntouched] = useState(true);
  if (view.draft !== draft) {
    setDraft(view.draft);
    if (!editing && untouched) setText(view.draft);
  }
  const saveDraft = useDraft(id, untouched ? view.draft : undefined);
  const { tell: tellTyping, forget: forgetTyping } = useTyping(
    id,
    settings.typingIndicators && view.request === 'none',
  );

  const change = (next: string) => {
    setUntouched(false);
    setText(next);
    if (!editing) saveDraft(next);
    tellTyping(next !== '');
  };

  const send = (written: string) => {
    if (task?.kind === 'edit') {
      tellTyping(false);
      onTaskDone();
      if (written !== task.text)
        void onRun({ type: 'edit_message', message_id: task.messageId, text: written });
      return;
    }
    setUntouched(false);
    // The message says by itself that typing ended; another word ahead of it would only keep it waiting.
    forgetTyping();
    setText('');
    const replyTo = task?.messageId ?? null;
    onTaskDone();
    void onRun({ type: 'send_text', conversation_id: id, text: written, reply_to: replyTo }).then((sent) => {
      // What was refused at once goes back into the field, so that no written word is lost.
      if (!sent) setText((now) => (now === '' ? written : now));
    });
    saveDraft('', true);
    onSent();
  };

  return (
    <Composer
      ref={composerRef}
      value={text}
      placeholder={_('chat.placeholder', { name: isolated(view.title) })}
      onChange={change}
      onSend={send}
      onEditLast={onEditLast}
      enterSends={settings.enterSends}
      bytesMax={view.request === 'none' ? TEXT_BYTES_MAX : REQUEST_BYTES_MAX}
      disabled={view.cannot_send !== null}
      context={
        task && {
          kind: task.kind,
          title: editing ? _('chat.editing') : task.author,
          text: task.text,
        }
      }
      onCancelContext={onTaskDone}
    />
  );
}

/**
 * Keeps the draft in the engine a moment after the last key, and when the conversation is left. `kept` is what the engine
 * holds, as long as nobody writes here.
 */
function useDraft(
  conversationId: string,
  kept: string | undefined,
): (text: string, atOnce?: boolean) => void {
  const command = useCommand();
  const waiting = useRef<{ text: string; timer: ReturnType<typeof setTimeout> }>(undefined);
  const last = useRef(kept);
  useEffect(() => {
    if (kept !== undefined) last.current = kept;
  }, [kept]);
  const save = useRef<(text: string) => void>(() => {});
  useEffect(() => {
    save.current = (text) => {
      if (text === last.current) return;
      last.current = text;
      void command({ type: 'set_draft', conversation_id: conversationId, text });
    };
  }, [command, conversationId]);
  useEffect(
    () => () => {
      if (!waiting.current) return;
      clearTimeout(waiting.current.timer);
      save.current(waiting.current.text);
    },
    [],
  );
  return (text, atOnce) => {
    if (waiting.current) clearTimeout(waiting.current.timer);
    waiting.current = undefined;
    if (atOnce) save.current(text);
    else
      waiting.current = {
        text,
        timer: setTimeout(() => {
          waiting.current = undefined;
          save.current(text);
        }, DRAFT_AFTER_MS),
      };
  };
}

/** Tells the engine that the person types: at the first key, again every few seconds, and when they stop. */
function useTyping(
  conversationId: string,
  allowed: boolean,
): { tell: (active: boolean) => void; forget: () => void } {
  const command = useCommand();
  const told = useRef(0);
  const stop = useRef<ReturnType<typeof setTimeout>>(undefined);
  const tell = (active: boolean) =>
    void command({ type: 'set_typing', conversation_id: conversationId, active });
  useEffect(
    () => () => {
      clearTimeout(stop.current);
      if (told.current > 0)
        void command({ type: 'set_typing', conversation_id: conversationId, active: false });
    },
    [command, conversationId],
  );
  const forget = () => {
    clearTimeout(stop.current);
    told.current = 0;
  };
  const change = (active: boolean) => {
    if (!allowed) return;
    if (!active) {
      if (told.current > 0) tell(false);
      forget();
      return;
    }
    clearTimeout(stop.current);
    const at = performance.now();
    if (told.current === 0 || at - told.current > TYPING_AGAIN_MS) {
      told.current = at;
      tell(true);
    }
    stop.current = setTimeout(() => {
      told.current = 0;
      tell(false);
    }, TYPING_ENDS_MS);
  };
  return { tell: change, forget };
}

function Decision({ text, children }: { text: string; children: React.ReactNode }) {
  return (
    <section
      data-region
      tabIndex={-1}
      className="shrink-0 border-t border-divider bg-surface px-4 py-4 outline-none md:px-6"
    >
      <div className="mx-auto flex max-w-170 flex-wrap items-center justify-center gap-3 text-center">
        <p className="w-full text-13 text-balance text-text-2">{text}</p>
        {children}
      </div>
    </section>
  );
}
