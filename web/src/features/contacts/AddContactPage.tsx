import { useLingui } from '@lingui/react';
import { ArrowLeft, Info, RefreshCw, ScanLine } from 'lucide-react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { Link, useNavigate } from 'react-router';
import { now } from '../../core/clock';
import type { ContactAddress } from '../../core/generated/ContactAddress';
import { useCommand, useQuery } from '../../core/hooks';
import { invitePayload, inviteUrl } from '../../core/links';
import { QrScanner } from '../../media/QrScanner';
import { Button } from '../../ui/Button';
import { CopyLine } from '../../ui/CopyLine';
import { Dialog } from '../../ui/Dialog';
import { formatMoment } from '../../ui/format';
import { QrCode } from '../../ui/QrCode';
import { useRefusalText } from '../../ui/refusals';
import { Skeleton } from '../../ui/Skeleton';
import { TextField } from '../../ui/TextField';

/** A handle, with or without the @, or an invite link or its payload. */
export function readAddress(text: string): ContactAddress | null {
  const trimmed = text.trim();
  const handle = trimmed.replace(/^@/, '').toLowerCase();
  if (trimmed.includes('#')) {
    const payload = invitePayload(trimmed);
    return payload ? { type: 'link', payload } : null;
  }
  if (/^[a-z][a-z0-9._-]{2,31}$/.test(handle)) return { type: 'handle', handle };
  const payload = invitePayload(trimmed);
  return payload ? { type: 'link', payload } : null;
}

/** Three ways to add someone, in one card; says what each way proves. `invite` is one the app was opened with. */
export function AddContactPage({
  handle,
  name,
  invite,
  onInviteUsed,
  onCopy,
}: {
  handle: string;
  name: string;
  invite: string | null;
  onInviteUsed: () => void;
  onCopy: (text: string) => Promise<void>;
}) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  const command = useCommand();
  const refusalText = useRefusalText();
  const [text, setText] = useState(invite ? inviteUrl(invite) : '');
  const [fault, setFault] = useState<string>();
  const [running, setRunning] = useState(false);
  const [scanning, setScanning] = useState(false);
  const own = useInvite();

  const add = async (by: ContactAddress | null) => {
    if (running) return;
    if (!by) {
      setFault(_('contacts.notAnAddress'));
      return;
    }
    setFault(undefined);
    setRunning(true);
    const result = await command({ type: 'add_contact', by });
    setRunning(false);
    if (result.type === 'err') {
      setFault(refusalText(result.refusal.code, result.refusal.retry_after_s));
      return;
    }
    onInviteUsed();
    if (result.reply.type === 'conversation')
      void navigate(`/chats/${result.reply.conversation_id}`, { state: { write: true } });
  };

  // Someone opened a link: that click was the decision, so the contact is looked up at once.
  const opened = useRef(false);
  useEffect(() => {
    if (!invite || opened.current) return;
    opened.current = true;
    void add({ type: 'link', payload: invite });
    // Runs once for the link the app was opened with.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [invite]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void add(readAddress(text));
  };

  return (
    <div
      data-region
      tabIndex={-1}
      className="min-h-0 flex-1 overflow-y-auto px-4 pt-3 pb-8 outline-none md:grid md:px-10 md:py-8"
    >
      <div className="m-auto w-full max-w-180">
        <div className="flex items-center gap-1">
          <Link
            to="/new"
            aria-label={_('ui.back')}
            className="-ms-2 grid size-11 place-items-center rounded-md text-text-2 hover:bg-hover md:hidden"
          >
            <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="rtl:rotate-180" />
          </Link>
          <h1 className="text-20 tracking-tight md:text-24">{_('contacts.add')}</h1>
        </div>
        <p className="mt-1 text-text-2">{_('contacts.addLead')}</p>
        <div className="mt-6 grid rounded-lg bg-surface shadow-1 grid-cols-[minmax(0,1fr)] xl:grid-cols-[auto_minmax(0,1fr)] forced:border">
          <OwnCode url={own.url} handle={handle} name={name} />
          <div className="flex flex-col justify-center gap-5 p-5 md:p-7 xl:border-s xl:border-divider">
            <OwnLink invite={own} onCopy={onCopy} />
            <form onSubmit={submit} noValidate>
              <TextField
                label={_('contacts.theirs')}
                placeholder={_('contacts.theirsPlaceholder')}
                value={text}
                onChange={(event) => setText(event.target.value)}
                autoCapitalize="none"
                autoComplete="off"
                spellCheck={false}
                enterKeyHint="go"
                error={fault}
                autoFocus={!matchMedia('(pointer: coarse)').matches}
                trailing={
                  <Button
                    type="submit"
                    size="sm"
                    loading={running}
                    disabled={text.trim() === ''}
                    className="-me-2.5 md:min-h-10"
                  >
                    {_('contacts.find')}
                  </Button>
                }
              />
            </form>
            <Button variant="outline" size="lg" block icon={ScanLine} onClick={() => setScanning(true)}>
              {_('contacts.scan')}
            </Button>
          </div>
        </div>
        <p className="mt-4 flex gap-2 text-13 text-text-2">
          <Info size={16} strokeWidth={2} aria-hidden className="mt-px shrink-0" />
          {_('contacts.whatItProves')}
        </p>
      </div>
      <Dialog title={_('contacts.scan')} open={scanning} onClose={() => setScanning(false)}>
        {scanning && (
          <QrScanner
            onText={(scanned) => {
              const address = readAddress(scanned);
              if (!address) return;
              setScanning(false);
              setText(scanned);
              void add(address);
            }}
          />
        )}
      </Dialog>
    </div>
  );
}

interface Invite {
  /** `https://HOST/#PAYLOAD`, once there is one that still works. */
  url: string | undefined;
  note: string | undefined;
  fault: string | undefined;
  renewing: boolean;
  renew: () => void;
}

/** My link, made when this screen is first opened. */
function useInvite(): Invite {
  const { _, i18n } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const view = useQuery({ type: 'invite_link' });
  const [fault, setFault] = useState<string>();
  const [renewing, setRenewing] = useState(false);
  const link = view?.type === 'invite_link' ? view.link : null;
  const usable = link !== null && link.expires_at_ms > now();

  const make = async () => {
    setRenewing(true);
    const result = await command({ type: 'create_invite_link' });
    setRenewing(false);
    setFault(
      result.type === 'err' ? refusalText(result.refusal.code, result.refusal.retry_after_s) : undefined,
    );
  };
  const asked = useRef(false);
  useEffect(() => {
    if (view?.type !== 'invite_link' || usable || asked.current) return;
    asked.current = true;
    void make();
    // Makes the first link, once.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [view, usable]);

  return {
    url: usable ? inviteUrl(link.payload) : undefined,
    note: !usable
      ? undefined
      : link.active
        ? _('contacts.linkExpires', { when: formatMoment(link.expires_at_ms, i18n.locale) })
        : _('contacts.linkWaiting'),
    fault,
    renewing,
    renew: () => void make(),
  };
}

function OwnCode({ url, handle, name }: { url: string | undefined; handle: string; name: string }) {
  const { _ } = useLingui();
  return (
    <div className="flex flex-col items-center justify-center gap-4 p-5 max-xl:border-b max-xl:border-divider md:p-7 xl:w-72">
      {url ? (
        <QrCode text={url} label={_('contacts.yourCode')} className="size-54 border-0" />
      ) : (
        <Skeleton className="size-54 rounded-lg" />
      )}
      <div className="text-center">
        <div className="font-semibold wrap-anywhere">{name || handle}</div>
        <div className="text-13 wrap-anywhere text-text-2">@{handle}</div>
      </div>
    </div>
  );
}

function OwnLink({ invite, onCopy }: { invite: Invite; onCopy: (text: string) => Promise<void> }) {
  const { _ } = useLingui();
  return (
    <div>
      <p className="mb-1.5 text-13 font-medium text-text-2">{_('contacts.yourLink')}</p>
      {invite.url ? <CopyLine text={invite.url} onCopy={onCopy} /> : <Skeleton className="h-12 rounded-md" />}
      {invite.fault && (
        <p role="alert" className="pt-2 text-13 text-danger">
          {invite.fault}
        </p>
      )}
      <p className="mt-1.5 flex flex-wrap items-center gap-x-2 text-13 text-text-2">
        {invite.note}
        <Button
          variant="ghost"
          size="sm"
          icon={RefreshCw}
          loading={invite.renewing}
          onClick={invite.renew}
          className="-ms-3"
        >
          {invite.url ? _('contacts.newLink') : _('contacts.makeLink')}
        </Button>
      </p>
    </div>
  );
}
