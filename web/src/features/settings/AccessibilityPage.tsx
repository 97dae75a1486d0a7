import { useLingui } from '@lingui/react';
import { Page, Section } from '../../ui/Pane';
import { SettingCard, SettingRow, SwitchRow } from '../../ui/SettingRow';
import { useSettings } from './useSettings';

export function AccessibilityPage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const { settings, change } = useSettings();
  return (
    <Page title={_('settings.accessibility')} onBack={onBack}>
      {settings && (
        <Section title={_('access.keyboard')}>
          <SettingCard>
            <SwitchRow
              title={_('access.enterSends')}
              description={_('access.enterSendsDetail')}
              checked={settings.enter_sends}
              onChange={(on) => change({ enter_sends: on })}
            />
            <SwitchRow
              title={_('access.singleKeys')}
              description={_('access.singleKeysDetail')}
              checked={settings.single_key_shortcuts}
              onChange={(on) => change({ single_key_shortcuts: on })}
            />
          </SettingCard>
        </Section>
      )}
      <Section title={_('access.follows')} description={_('access.followsDetail')}>
        <SettingCard>
          <SettingRow title={_('access.textSize')} description={_('access.textSizeDetail')} />
          <SettingRow title={_('access.motion')} description={_('access.motionDetail')} />
          <SettingRow title={_('access.contrast')} description={_('access.contrastDetail')} />
        </SettingCard>
      </Section>
    </Page>
  );
}
