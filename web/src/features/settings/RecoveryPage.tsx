import { useLingui } from '@lingui/react';
import { CircleCheck, Printer, SquareCheck } from 'lucide-react';
import { useState } from 'react';
import { useCommand, useQuery } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { CodeInput } from '../../ui/CodeInput';
import { EmptyState } from '../../ui/EmptyState';
import { formatMoment } from '../../ui/format';
import { Page } from '../../ui/Pane';
import { RecoveryKitCard } from '../../ui/RecoveryKitCard';
import { useRefusalText } from '../../ui/refusals';
import { now } from '../../core/clock';

/** Show, print, check by retyping. After the check the secret leaves this device. */
export function RecoveryPage({ handle, host, onBack }: { handle: string; host: string; onBack: () => void }) {
  const { _, i18n } = useLingui();
  const view = useQuery({ type: 'recovery_kit' });
  const [shown, setShown] = useState(false);
  if (view?.type !== 'recovery_kit') return <div aria-busy className="flex-1" />;
  if (view.taken)
    return (
      <Page title={_('kit.title')} onBack={onBack}>
        <EmptyState
          title={_('kit.taken')}
          art={<CircleCheck size={48} strokeWidth={1.25} aria-hidden className="text-accent-text" />}
        >
          {_('kit.takenDetail')}
        </EmptyState>
      </Page>
    );
  return (
    <Page title={_('kit.title')} lead={_('kit.lead')} onBack={onBack}>
      <div className="mt-6">
        {shown ? (
          <>
            <RecoveryKitCard
              groups={view.groups}
              owner={`@${handle}`}
              host={host}
              made={formatMoment(now(), i18n.locale)}
            />
            <div className="mt-6 flex flex-wrap gap-3">
              <Button icon={Printer} onClick={() => window.print()}>
                {_('kit.print')}
              </Button>
              <Button variant="outline" onClick={() => setShown(false)}>
                {_('kit.hide')}
              </Button>
            </div>
            <Check groups={view.groups} positions={view.check_positions} />
          </>
        ) : (
          <div className="rounded-lg bg-surface p-5 shadow-1 md:p-6 forced:border">
            <p className="text-text-2">{_('kit.before')}</p>
            <Button className="mt-5" onClick={() => setShown(true)}>
              {_('kit.show')}
            </Button>
          </div>
        )}
      </div>
    </Page>
  );
}

function Check({ groups, positions }: { groups: readonly string[]; positions: readonly number[] }) {
  const { _ } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const [open, setOpen] = useState(false);
  const [value, setValue] = useState('');
  const [fault, setFault] = useState<string>();
  const [running, setRunning] = useState(false);
  const groupLength = groups[0]?.length ?? 1;
  const labels = positions.map((position) =>
    _('kit.place', {
      group: Math.floor(position / groupLength) + 1,
      place: (position % groupLength) + 1,
    }),
  );
  const check = async () => {
    setRunning(true);
    const result = await command({ type: 'confirm_recovery_kit', characters: value });
    setRunning(false);
    if (result.type === 'err')
      setFault(result.refusal.code === 'invalid' ? _('kit.wrong') : refusalText(result.refusal.code));
  };
  return (
    <section className="mt-6 rounded-lg bg-surface px-5 py-4 shadow-1 forced:border">
      <div className="flex flex-wrap items-center gap-4">
        <span className="grid size-10 shrink-0 place-items-center rounded-md bg-hover text-text-2">
          <SquareCheck size={20} strokeWidth={1.75} aria-hidden />
        </span>
        <div className="min-w-40 flex-1">
          <h2 className="text-15">{_('kit.checkTitle')}</h2>
          <p className="text-13 text-text-2">{_('kit.checkDetail')}</p>
        </div>
        {!open && (
          <Button variant="outline" size="sm" onClick={() => setOpen(true)}>
            {_('kit.checkNow')}
          </Button>
        )}
      </div>
      {open && (
        <form
          className="mt-4"
          onSubmit={(event) => {
            event.preventDefault();
            void check();
          }}
        >
          <CodeInput
            labels={labels}
            value={value}
            onChange={(next) => {
              setFault(undefined);
              setValue(next);
            }}
            error={fault}
          />
          <Button
            type="submit"
            loading={running}
            disabled={value.replace(/\s/g, '').length < positions.length}
          >
            {_('kit.check')}
          </Button>
        </form>
      )}
    </section>
  );
}
