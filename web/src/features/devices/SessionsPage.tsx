import { useLingui } from '@lingui/react';
import {
  KeyRound,
  LogIn,
  LogOut,
  RefreshCw,
  ShieldAlert,
  TriangleAlert,
  UserPlus,
  type LucideIcon,
} from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { SecurityEventKind } from '../../core/generated/SecurityEventKind';
import { useCommand, useQuery } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { DeviceCard } from '../../ui/DeviceCard';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { formatMoment } from '../../ui/format';
import { Page, Section } from '../../ui/Pane';
import { useRefusalText } from '../../ui/refusals';
import { SettingCard } from '../../ui/SettingRow';
import { Skeleton } from '../../ui/Skeleton';

/** Where this account is signed in, and what happened to it. */
export function SessionsPage({ onBack }: { onBack: () => void }) {
  const { _, i18n } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const view = useQuery({ type: 'sessions' });
  const [fault, setFault] = useState<string>();
  const [running, setRunning] = useState(false);
  const [ending, setEnding] = useState<{ id: string; name: string }>();
  const moment = (ms: number) => formatMoment(ms, i18n.locale);

  const refresh = useCallback(async () => {
    setRunning(true);
    const result = await command({ type: 'refresh_sessions' });
    setRunning(false);
    setFault(
      result.type === 'err' ? refusalText(result.refusal.code, result.refusal.retry_after_s) : undefined,
    );
  }, [command, refusalText]);
  const asked = useRef(false);
  useEffect(() => {
    if (asked.current) return;
    asked.current = true;
    void refresh();
  }, [refresh]);

  const revoke = async (id: string) => {
    setEnding(undefined);
    const result = await command({ type: 'revoke_session', session_id: id });
    if (result.type === 'err') setFault(refusalText(result.refusal.code, result.refusal.retry_after_s));
    else void refresh();
  };

  const known = view?.type === 'sessions' && view.fetched_at_ms !== null ? view : undefined;
  const current = known?.sessions.filter((session) => session.current) ?? [];
  const others = known?.sessions.filter((session) => !session.current) ?? [];
  return (
    <Page title={_('sessions.title')} lead={_('sessions.lead')} onBack={onBack}>
      {fault && (
        <p role="alert" className="mt-4 rounded-md bg-danger-tint px-4 py-3 text-13 text-danger">
          {fault}
        </p>
      )}
      {!known && !fault && <Skeleton className="mt-8 h-16 rounded-lg" />}
      {current.length > 0 && (
        <Section title={_('sessions.thisDevice')}>
          <SettingCard>
            {current.map((session) => (
              <DeviceCard
                key={session.session_id}
                name={session.name || _('sessions.noName')}
                current
                detail={_('sessions.signedIn', { when: moment(session.created_at_ms) })}
              />
            ))}
          </SettingCard>
        </Section>
      )}
      {known && (
        <Section title={_('sessions.others')}>
          {others.length === 0 ? (
            <p className="text-text-2">{_('sessions.noOthers')}</p>
          ) : (
            <SettingCard>
              {others.map((session) => (
                <DeviceCard
                  key={session.session_id}
                  name={session.name || _('sessions.noName')}
                  current={false}
                  detail={_('sessions.used', {
                    created: moment(session.created_at_ms),
                    used: moment(session.last_used_at_ms),
                  })}
                  action={
                    <Button
                      variant="outline"
                      size="sm"
                      onClick={() =>
                        setEnding({ id: session.session_id, name: session.name || _('sessions.noName') })
                      }
                    >
                      {_('sessions.end')}
                    </Button>
                  }
                />
              ))}
            </SettingCard>
          )}
        </Section>
      )}
      {known && (
        <Section title={_('sessions.log')} description={_('sessions.logDetail')}>
          {known.events.length === 0 ? (
            <p className="text-text-2">{_('sessions.noEvents')}</p>
          ) : (
            <SettingCard>
              {known.events.map((event, index) => (
                <EventRow key={index} kind={event.kind} when={moment(event.at_ms)} origin={event.origin} />
              ))}
            </SettingCard>
          )}
          <div className="mt-3">
            <Button variant="ghost" icon={RefreshCw} loading={running} onClick={() => void refresh()}>
              {_('sessions.refresh')}
            </Button>
          </div>
        </Section>
      )}
      <Dialog
        role="alertdialog"
        title={_('sessions.endTitle')}
        open={ending !== undefined}
        onClose={() => setEnding(undefined)}
      >
        <p className="text-text-2">{_('sessions.endText', { name: ending?.name ?? '' })}</p>
        <DialogActions>
          <Button variant="outline" onClick={() => setEnding(undefined)} autoFocus>
            {_('ui.cancel')}
          </Button>
          <Button variant="danger" onClick={() => ending && void revoke(ending.id)}>
            {_('sessions.end')}
          </Button>
        </DialogActions>
      </Dialog>
    </Page>
  );
}

const eventIcons: Record<SecurityEventKind, LucideIcon> = {
  signed_up: UserPlus,
  logged_in: LogIn,
  login_failed: TriangleAlert,
  login_blocked: ShieldAlert,
  session_revoked: LogOut,
  refresh_token_reused: ShieldAlert,
  logged_out: LogOut,
  log_appended: KeyRound,
};
const warnings: readonly SecurityEventKind[] = ['login_failed', 'login_blocked', 'refresh_token_reused'];

function EventRow({ kind, when, origin }: { kind: SecurityEventKind; when: string; origin: string }) {
  const { _ } = useLingui();
  const Icon = eventIcons[kind];
  const words: Record<SecurityEventKind, () => string> = {
    signed_up: () => _('sessions.signedUp'),
    logged_in: () => _('sessions.loggedIn'),
    login_failed: () => _('sessions.loginFailed'),
    login_blocked: () => _('sessions.loginBlocked'),
    session_revoked: () => _('sessions.sessionRevoked'),
    refresh_token_reused: () => _('sessions.tokenReused'),
    logged_out: () => _('sessions.loggedOut'),
    log_appended: () => _('sessions.logAppended'),
  };
  return (
    <div className="flex min-h-12 flex-wrap items-center gap-x-4 gap-y-0.5 px-4 py-2.5 md:px-5">
      <Icon
        size={20}
        strokeWidth={1.75}
        aria-hidden
        className={warnings.includes(kind) ? 'text-warning' : 'text-text-2'}
      />
      <span className="min-w-40 flex-1">{words[kind]()}</span>
      <span className="text-13 text-text-2">
        {origin !== '' && (
          <span title={_('sessions.originHint')}>
            {_('sessions.origin', { origin: origin.slice(0, 6) })} ·{' '}
          </span>
        )}
        <time>{when}</time>
      </span>
    </div>
  );
}
