import { useLingui } from '@lingui/react';
import { useQuery } from '../../core/hooks';
import { Logo } from '../../ui/Logo';
import { Page, Section } from '../../ui/Pane';
import { SettingCard, SettingRow } from '../../ui/SettingRow';

/** Which app and which server this is, and how far the protection reaches. */
export function AboutPage({
  host,
  deviceName,
  onBack,
}: {
  host: string;
  deviceName: string;
  onBack: () => void;
}) {
  const { _ } = useLingui();
  const server = useQuery({ type: 'server' });
  return (
    <Page title={_('settings.about')} onBack={onBack}>
      <Section>
        <div className="flex items-center gap-4 rounded-lg bg-surface p-5 shadow-1 forced:border">
          <Logo size={56} />
          <div>
            <p className="text-17 font-semibold">SecureChat</p>
            <p className="text-13 text-text-2">{_('about.promise')}</p>
          </div>
        </div>
      </Section>
      <Section title={_('about.versions')}>
        <SettingCard>
          <SettingRow title={_('about.server')}>
            <span>{host}</span>
          </SettingRow>
          {server?.type === 'server' && server.fetched_at_ms !== null && (
            <SettingRow title={_('about.serverVersion')}>
              <span>{server.version}</span>
            </SettingRow>
          )}
          {deviceName !== '' && (
            <SettingRow title={_('about.device')}>
              <span>{deviceName}</span>
            </SettingRow>
          )}
        </SettingCard>
      </Section>
      <Section title={_('about.protects')}>
        <ul className="grid list-disc gap-2 ps-5 text-text-2">
          <li>{_('about.protects1')}</li>
          <li>{_('about.protects2')}</li>
          <li>{_('about.protects3')}</li>
        </ul>
      </Section>
      <Section title={_('about.limits')}>
        <ul className="grid list-disc gap-2 ps-5 text-text-2">
          <li>{_('about.limits1')}</li>
          <li>{_('about.limits2')}</li>
          <li>{_('about.limits3')}</li>
        </ul>
      </Section>
      <Section title={_('about.verifyTitle')}>
        <p className="text-text-2">{_('about.verifyText')}</p>
      </Section>
    </Page>
  );
}
