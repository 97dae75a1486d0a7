import { useLingui } from '@lingui/react';
import {
  Database,
  Gauge,
  Hourglass,
  Inbox,
  KeyRound,
  Link2,
  Lock,
  LogIn,
  MonitorSmartphone,
  Minus,
  ScrollText,
  Send,
  Server,
  User,
  type LucideIcon,
} from 'lucide-react';
import type { KnownFact } from '../../core/generated/KnownFact';
import { useQuery } from '../../core/hooks';
import { formatMoment } from '../../ui/format';
import { Page, Section } from '../../ui/Pane';

/**
 * The relay's own list of what it stores, made from its schema. A fact without words here is shown by its key and
 * columns, so that nothing is left out.
 */
export function ServerPage({
  host,
  onBack,
  alwaysBack,
}: {
  host: string;
  onBack: () => void;
  alwaysBack?: boolean;
}) {
  const { _, i18n } = useLingui();
  const view = useQuery({ type: 'server' });
  const server = view?.type === 'server' && view.fetched_at_ms !== null ? view : undefined;
  const never = [
    _('server.never1'),
    _('server.never2'),
    _('server.never3'),
    _('server.never4'),
    _('server.never5'),
    _('server.never6'),
  ];
  const flows = [_('server.flow1'), _('server.flow2'), _('server.flow3')];
  return (
    <Page
      title={_('settings.server')}
      lead={
        server?.fetched_at_ms
          ? _('server.lead', { host, when: formatMoment(server.fetched_at_ms, i18n.locale) })
          : _('server.notRead', { host })
      }
      onBack={onBack}
      alwaysBack={alwaysBack}
    >
      {server && (
        <Section
          title={_('server.stored')}
          description={_('server.retention', { days: server.retention_days })}
        >
          <ul className="divide-y divide-divider rounded-lg bg-surface shadow-1 forced:border">
            {server.knows.map((fact) => (
              <Fact key={fact.key} fact={fact} />
            ))}
          </ul>
        </Section>
      )}
      <Section title={_('server.flows')} description={_('server.flowsDetail')}>
        <ul className="grid gap-2">
          {flows.map((text) => (
            <Dash key={text}>{text}</Dash>
          ))}
        </ul>
      </Section>
      <Section title={_('server.neverTitle')}>
        <ul className="grid gap-2 md:grid-cols-2">
          {never.map((text) => (
            <Dash key={text}>{text}</Dash>
          ))}
        </ul>
      </Section>
    </Page>
  );
}

function Dash({ children }: { children: string }) {
  return (
    <li className="flex gap-3">
      <Minus size={16} strokeWidth={2} aria-hidden className="mt-[3px] shrink-0 text-text-3" />
      {children}
    </li>
  );
}

function Fact({ fact }: { fact: KnownFact }) {
  const { _ } = useLingui();
  const { icon: Icon, title, detail } = useFactWords()(fact.key);
  return (
    <li>
      <details className="group px-4 py-3 md:px-5">
        <summary className="flex cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 rounded-md">
          <Icon size={20} strokeWidth={1.75} aria-hidden className="shrink-0 text-text-2" />
          <span className="font-semibold max-md:flex-1 md:w-40">{title}</span>
          <span className="min-w-40 flex-1 max-md:order-last max-md:basis-full max-md:ps-8">{detail}</span>
          <span className="text-13 text-text-2 max-xs:order-last max-xs:basis-full max-xs:ps-8">
            {fact.kept_days === null ? _('server.untilDeleted') : _('server.days', { count: fact.kept_days })}
          </span>
        </summary>
        <p className="mt-2 ms-8 text-13 text-text-2">{_('server.columns')}</p>
        <p className="ms-8 font-mono text-12 wrap-anywhere text-text-2">{fact.columns.join(', ')}</p>
      </details>
    </li>
  );
}

interface FactWords {
  icon: LucideIcon;
  title: string;
  detail: string;
}

function useFactWords(): (key: string) => FactWords {
  const { _ } = useLingui();
  return (key) => {
    switch (key) {
      case 'accounts.identity':
        return { icon: User, title: _('server.identity'), detail: _('server.identityDetail') };
      case 'accounts.password_record':
        return { icon: Lock, title: _('server.password'), detail: _('server.passwordDetail') };
      case 'accounts.devices':
        return { icon: MonitorSmartphone, title: _('server.devices'), detail: _('server.devicesDetail') };
      case 'accounts.sessions':
        return { icon: LogIn, title: _('server.sessions'), detail: _('server.sessionsDetail') };
      case 'accounts.revoked_sessions':
        return { icon: LogIn, title: _('server.revoked'), detail: _('server.revokedDetail') };
      case 'accounts.security_events':
        return { icon: ScrollText, title: _('server.events'), detail: _('server.eventsDetail') };
      case 'keys.account_log':
        return { icon: KeyRound, title: _('server.log'), detail: _('server.logDetail') };
      case 'keys.prekeys':
        return { icon: KeyRound, title: _('server.prekeys'), detail: _('server.prekeysDetail') };
      case 'vault.records':
        return { icon: Database, title: _('server.records'), detail: _('server.recordsDetail') };
      case 'server.own':
        return { icon: Server, title: _('server.own'), detail: _('server.ownDetail') };
      case 'mailbox.devices':
        return { icon: Inbox, title: _('server.mailboxes'), detail: _('server.mailboxesDetail') };
      case 'mailbox.envelope':
        return { icon: Inbox, title: _('server.envelopes'), detail: _('server.envelopesDetail') };
      case 'mailbox.submits':
        return { icon: Send, title: _('server.submits'), detail: _('server.submitsDetail') };
      case 'mailbox.tokens':
        return { icon: Link2, title: _('server.tokens'), detail: _('server.tokensDetail') };
      case 'mailbox.request_budgets':
        return { icon: Gauge, title: _('server.budgets'), detail: _('server.budgetsDetail') };
      case 'mailbox.held_requests':
        return { icon: Hourglass, title: _('server.held'), detail: _('server.heldDetail') };
      default:
        return { icon: Database, title: key, detail: _('server.noWords') };
    }
  };
}
