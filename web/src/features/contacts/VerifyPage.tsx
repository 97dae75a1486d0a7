import { useLingui } from '@lingui/react';
import { ArrowLeft, Check, Copy, KeyRound, ScanLine, ShieldCheck, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Command } from '../../core/generated/Command';
import { useCommand, useQuery } from '../../core/hooks';
import { QrScanner } from '../../media/QrScanner';
import { Avatar } from '../../ui/Avatar';
import { Banner } from '../../ui/Banner';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { formatMoment } from '../../ui/format';
import { Gone } from '../../ui/Gone';
import { QrCode } from '../../ui/QrCode';
import { useRefusalText } from '../../ui/refusals';
import { SafetyNumber } from '../../ui/SafetyNumber';
import { useToasts } from '../../ui/toasts';
import { TrustLine } from '../../ui/TrustLine';

type Outcome = 'match' | 'differ';

/** Two people compare: the QR first, sixty digits otherwise. "They differ" is never hidden. */
export function VerifyPage({
  contactId,
  back,
  onCopy,
}: {
  contactId: string;
  back: string;
  onCopy: (text: string) => void;
}) {
  const { _, i18n } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const contact = useQuery({ type: 'contact', contact_id: contactId });
  const number = useQuery({ type: 'safety_number', contact_id: contactId });
  const [scanning, setScanning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const [compared, setCompared] = useState<string>();
  if (contact?.type === 'not_found' || number?.type === 'not_found')
    return (
      <Gone title={_('verify.none')} back={{ href: `#${back}`, label: _('details.back') }}>
        {_('verify.noneDetail')}
      </Gone>
    );
  if (contact?.type !== 'contact' || number?.type !== 'safety_number')
    return <div aria-busy className="flex-1" />;

  const { name, colour_seed: seed } = contact.item;
  const { trust } = number;
  const since = 'at_ms' in trust ? formatMoment(trust.at_ms, i18n.locale) : undefined;
  const refused = (code: Parameters<typeof refusalText>[0]) => showToast({ text: refusalText(code) });
  const waiting = trust.type === 'new_identity';
  const groups = number.groups.join(' ');
  if (compared === undefined) setCompared(groups);
  // The answer to the former number must not be taken for one to the new.
  const changed = compared !== undefined && compared !== groups;

  const decide = async (verified: boolean) => {
    const commands: Command[] = [{ type: 'set_verified', contact_id: contactId, verified, number: groups }];
    if (waiting && verified)
      commands.unshift({ type: 'accept_new_identity', contact_id: contactId, number: groups });
    // Keys that were not accepted have no mark to lose.
    if (waiting && !verified) commands.pop();
    for (const next of commands) {
      const result = await command(next);
      if (result.type === 'err') return refused(result.refusal.code);
    }
    setOutcome(verified ? 'match' : 'differ');
  };
  const scanned = async (payload: string) => {
    setScanning(false);
    const result = await command({ type: 'check_safety_qr', contact_id: contactId, payload });
    if (result.type === 'err') refused(result.refusal.code);
    else if (result.reply.type !== 'qr_checked') return;
    else if (waiting && result.reply.matches) await decide(true);
    else setOutcome(result.reply.matches ? 'match' : 'differ');
  };

  return (
    <>
      <header className="flex h-(--header-h) shrink-0 items-center gap-3 border-b border-divider bg-surface px-2 md:px-4">
        <Link
          to={back}
          aria-label={_('ui.back')}
          className="grid size-11 place-items-center rounded-md text-text-2 hover:bg-hover"
        >
          <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="rtl:rotate-180" />
        </Link>
        <Avatar name={name} seed={seed} size={40} />
        <div className="min-w-0">
          <div className="truncate leading-5 font-semibold">{_('verify.check', { name })}</div>
          <TrustLine state={trust.type} since={since} />
        </div>
      </header>
      <div
        data-region
        tabIndex={-1}
        className="min-h-0 flex-1 overflow-y-auto px-4 py-6 outline-none md:px-10 md:py-8"
      >
        <div className="mx-auto max-w-170">
          <h1 className="text-20 tracking-tight md:text-24">{_('verify.title', { name })}</h1>
          <p className="mt-2 max-w-105 text-balance text-text-2">{_('verify.lead')}</p>
          <div aria-live="polite" className="mt-5 grid gap-2 empty:mt-0">
            {changed && (
              <Banner
                boxed
                tone="danger"
                icon={TriangleAlert}
                title={_('verify.changedTitle', { name })}
                action={
                  <Button
                    size="sm"
                    variant="outline"
                    onClick={() => {
                      setCompared(groups);
                      setOutcome(undefined);
                    }}
                  >
                    {_('verify.startAgain')}
                  </Button>
                }
              >
                {_('verify.changedText')}
              </Banner>
            )}
            {waiting && !changed && (
              <Banner boxed icon={KeyRound} title={_('chat.newIdentityTitle', { name })}>
                {_('verify.waitingText')}
              </Banner>
            )}
            {outcome === 'match' && (
              <Banner boxed tone="info" icon={ShieldCheck} title={_('verify.matchTitle')}>
                {_('verify.matchText', { name })}
              </Banner>
            )}
            {outcome === 'differ' && (
              <Banner boxed tone="danger" icon={TriangleAlert} title={_('verify.differTitle')}>
                {_('verify.differText', { name })}
              </Banner>
            )}
          </div>
          {!changed && (
            <section className="mt-6 rounded-lg bg-surface p-5 shadow-1 md:p-6 forced:border">
              <div className="flex flex-wrap items-center justify-between gap-6">
                <div>
                  <h2 className="text-17">{_('verify.number')}</h2>
                  <p className="mt-1 mb-4 text-13 text-text-2">{_('verify.numberDetail')}</p>
                  <SafetyNumber groups={number.groups} />
                  <div className="mt-4 -ms-3 flex flex-wrap gap-x-2">
                    <Button variant="ghost" icon={ScanLine} onClick={() => setScanning(true)}>
                      {_('verify.scan', { name })}
                    </Button>
                    <Button variant="ghost" icon={Copy} onClick={() => onCopy(groups)}>
                      {_('ui.copy')}
                    </Button>
                  </div>
                </div>
                <QrCode text={number.qr} label={_('verify.qr')} className="mx-auto size-44 md:mx-0" />
              </div>
              <div className="mt-6 grid gap-3 md:grid-cols-2">
                <Button variant="accent" size="lg" icon={Check} onClick={() => void decide(true)}>
                  {waiting ? _('verify.matchAccept') : _('verify.match')}
                </Button>
                <Button variant="outline" size="lg" onClick={() => void decide(false)}>
                  {_('verify.differ')}
                </Button>
              </div>
            </section>
          )}
          {trust.type === 'verified' && (
            <p className="mt-4 text-13 text-text-2">{_('verify.since', { when: since ?? '' })}</p>
          )}
        </div>
      </div>
      <Dialog title={_('verify.scan', { name })} open={scanning} onClose={() => setScanning(false)}>
        {scanning && <QrScanner onText={(text) => void scanned(text)} />}
      </Dialog>
    </>
  );
}
