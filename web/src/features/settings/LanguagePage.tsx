import { useLingui } from '@lingui/react';
import { Page } from '../../ui/Pane';
import { RadioGroup } from '../../ui/RadioGroup';
import { useSettings } from './useSettings';

/** Languages by their own names, so that everyone finds theirs. */
const names = { en: 'English', de: 'Deutsch' } as const;

export function LanguagePage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const { settings, change } = useSettings();
  return (
    <Page title={_('settings.language')} lead={_('language.lead')} onBack={onBack}>
      {settings && (
        <div className="mt-6">
          <RadioGroup
            label={_('settings.language')}
            labelHidden
            columns={false}
            value={settings.language in names ? (settings.language as keyof typeof names) : ''}
            onChange={(language) => change({ language })}
            options={[
              { value: '', label: _('language.browser') },
              { value: 'en', label: names.en },
              { value: 'de', label: names.de },
            ]}
          />
        </div>
      )}
    </Page>
  );
}
