import { useLingui } from '@lingui/react';
import { BellRing } from 'lucide-react';
import { useState } from 'react';
import { askForNotifications, notificationPermission } from '../../core/notifications';
import { Banner } from '../../ui/Banner';
import { Button } from '../../ui/Button';
import { Page, Section } from '../../ui/Pane';
import { SettingCard, SwitchRow } from '../../ui/SettingRow';
import { useSettings } from './useSettings';

export function NotificationsPage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const { settings, change } = useSettings();
  const [permission, setPermission] = useState(notificationPermission);
  const ask = async () => setPermission(await askForNotifications());
  return (
    <Page title={_('settings.notifications')} lead={_('notifications.lead')} onBack={onBack}>
      {settings?.notifications && permission !== 'granted' && (
        <div className="mt-6">
          <Banner
            boxed
            icon={BellRing}
            action={
              permission === 'default' && (
                <Button variant="outline" size="sm" onClick={() => void ask()}>
                  {_('notifications.allow')}
                </Button>
              )
            }
          >
            {permission === 'default' && _('notifications.ask')}
            {permission === 'denied' && _('notifications.denied')}
            {permission === 'unsupported' && _('notifications.unsupported')}
          </Banner>
        </div>
      )}
      {settings && (
        <Section>
          <SettingCard>
            <SwitchRow
              title={_('notifications.show')}
              description={_('notifications.showDetail')}
              checked={settings.notifications}
              onChange={(on) => {
                change({ notifications: on });
                if (on && permission === 'default') void ask();
              }}
            />
            <SwitchRow
              title={_('notifications.preview')}
              description={_('notifications.previewDetail')}
              checked={settings.notification_preview}
              disabled={!settings.notifications}
              onChange={(on) => change({ notification_preview: on })}
            />
          </SettingCard>
        </Section>
      )}
    </Page>
  );
}
