import { useLingui } from '@lingui/react';
import { HardDrive } from 'lucide-react';
import { useCore, useQuery, useStorage } from '../../core/hooks';
import { Banner } from '../../ui/Banner';
import { Button } from '../../ui/Button';
import { formatBytes } from '../../ui/format';
import { Page, Section } from '../../ui/Pane';
import { SettingCard, SettingRow } from '../../ui/SettingRow';

/** What this browser holds, and whether it promises to keep it. */
export function StoragePage({ onBack }: { onBack: () => void }) {
  const { _, i18n } = useLingui();
  const view = useQuery({ type: 'storage' });
  const { boot } = useCore();
  const storage = useStorage();
  const number = (value: number) => new Intl.NumberFormat(i18n.locale).format(value);
  const inMemory = boot.state === 'ready' && !boot.persistent;
  return (
    <Page title={_('settings.storage')} lead={_('storage.lead')} onBack={onBack}>
      {inMemory && (
        <div className="mt-6">
          <Banner boxed icon={HardDrive} tone="danger">
            {_('storage.memory')}
          </Banner>
        </div>
      )}
      {!inMemory && storage.persisted === 'refused' && (
        <div className="mt-6">
          <Banner
            boxed
            icon={HardDrive}
            action={
              <Button variant="outline" size="sm" onClick={() => void storage.persist()}>
                {_('storage.allow')}
              </Button>
            }
          >
            {_('storage.notPersistent')}
          </Banner>
        </div>
      )}
      <Section>
        <SettingCard>
          <SettingRow title={_('storage.kept')} description={_('storage.keptDetail')}>
            <span className="font-medium">
              {inMemory || storage.persisted === 'refused'
                ? _('storage.no')
                : storage.persisted === 'granted'
                  ? _('storage.yes')
                  : _('storage.unknown')}
            </span>
          </SettingRow>
          {view?.type === 'storage' && (
            <>
              <SettingRow title={_('storage.messages')}>
                <span className="tabular-nums">{number(view.messages)}</span>
              </SettingRow>
              <SettingRow title={_('storage.conversations')}>
                <span className="tabular-nums">{number(view.conversations)}</span>
              </SettingRow>
              <SettingRow title={_('storage.database')} description={_('storage.databaseDetail')}>
                <span className="tabular-nums">{formatBytes(view.database_bytes, i18n.locale)}</span>
              </SettingRow>
            </>
          )}
          {storage.quotaBytes !== null && (
            <SettingRow title={_('storage.room')}>
              <span className="tabular-nums">{formatBytes(storage.quotaBytes, i18n.locale)}</span>
            </SettingRow>
          )}
        </SettingCard>
      </Section>
      {view?.type === 'storage' && view.read_only && (
        <div className="mt-4">
          <Banner boxed tone="danger" icon={HardDrive}>
            {_('storage.full')}
          </Banner>
        </div>
      )}
    </Page>
  );
}
