import { useLingui } from '@lingui/react';
import { ArrowUp } from 'lucide-react';
import { classes } from '../../ui/classes';
import { Page, Section } from '../../ui/Pane';
import { RadioGroup } from '../../ui/RadioGroup';
import { SegmentedControl } from '../../ui/SegmentedControl';
import { SettingCard, SettingRow } from '../../ui/SettingRow';
import { useSettings } from './useSettings';

/** Every choice shows itself. */
export function AppearancePage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const { settings, change } = useSettings();
  if (!settings) return <div aria-busy className="flex-1" />;
  return (
    <Page title={_('settings.appearance')} onBack={onBack}>
      <div className="mt-7">
        <RadioGroup
          label={_('appearance.theme')}
          value={settings.theme}
          onChange={(theme) => change({ theme })}
          options={[
            {
              value: 'system',
              label: _('appearance.system'),
              preview: (
                <span className="flex overflow-hidden rounded-md">
                  <ThemePreview theme="light" half />
                  <ThemePreview theme="dark" half />
                </span>
              ),
            },
            { value: 'light', label: _('appearance.light'), preview: <ThemePreview theme="light" /> },
            { value: 'dark', label: _('appearance.dark'), preview: <ThemePreview theme="dark" /> },
          ]}
        />
      </div>
      <Section title={_('appearance.accent')} description={_('appearance.accentDetail')}>
        <RadioGroup
          label={_('appearance.accent')}
          labelHidden
          value={settings.accent}
          onChange={(accent) => change({ accent })}
          options={[
            {
              value: 'both',
              label: _('appearance.both'),
              description: _('appearance.default'),
              preview: <AccentPreview accent="both" />,
            },
            {
              value: 'green',
              label: _('appearance.green'),
              description: _('appearance.oneColour'),
              preview: <AccentPreview accent="green" />,
            },
            {
              value: 'purple',
              label: _('appearance.purple'),
              description: _('appearance.oneColour'),
              preview: <AccentPreview accent="purple" />,
            },
          ]}
        />
      </Section>
      <Section title={_('appearance.layout')}>
        <SettingCard>
          <SettingRow title={_('appearance.density')} description={_('appearance.densityDetail')}>
            <SegmentedControl
              label={_('appearance.density')}
              value={settings.density}
              onChange={(density) => change({ density })}
              options={[
                { value: 'comfortable', label: _('appearance.comfortable') },
                { value: 'compact', label: _('appearance.compact') },
              ]}
            />
          </SettingRow>
        </SettingCard>
      </Section>
    </Page>
  );
}

function ThemePreview({ theme, half }: { theme: 'light' | 'dark'; half?: boolean }) {
  return (
    <span
      aria-hidden
      data-theme={theme}
      className={classes(
        'flex h-24 overflow-hidden bg-bg',
        half ? 'w-1/2' : 'w-full rounded-md inset-ring-1 inset-ring-divider',
      )}
    >
      <span className="flex w-6 shrink-0 flex-col items-center gap-1.5 bg-surface pt-3">
        <i className="size-3 rounded-full bg-av5-bg" />
        <i className="size-3 rounded-full bg-av2-bg" />
        <i className="size-3 rounded-full bg-av4-bg" />
      </span>
      <span className="flex flex-1 flex-col gap-1.5 p-2.5">
        <i className="h-4 w-3/5 rounded-full bg-bubble-in" />
        <i className="h-4 w-3/5 self-end rounded-full bg-bubble-out" />
        <i className="h-4 w-2/5 rounded-full bg-bubble-in" />
      </span>
    </span>
  );
}

/** Draws with the tokens of one accent, whatever is chosen for the page. */
function AccentPreview({ accent }: { accent: 'both' | 'green' | 'purple' }) {
  const { _ } = useLingui();
  const fill =
    accent === 'purple'
      ? 'bg-(--show-purple) text-white'
      : 'bg-(--show-green) text-ink inset-ring-1 inset-ring-(--show-green-edge)';
  const line =
    accent === 'green'
      ? 'text-(--show-green-line) border-(--show-green-line)'
      : 'text-(--show-purple-line) border-(--show-purple-line)';
  return (
    <span aria-hidden className="flex h-16 items-center justify-center gap-1.5 rounded-md bg-bg md:gap-2.5">
      <span className={classes('grid size-8 shrink-0 place-items-center rounded-full', fill)}>
        <ArrowUp size={18} strokeWidth={2.25} />
      </span>
      <span
        className={classes(
          'grid size-6 shrink-0 place-items-center rounded-full text-12 font-semibold',
          fill,
        )}
      >
        3
      </span>
      <span className={classes('size-6 shrink-0 rounded-full border-2 max-md:hidden', line)} />
      <span className={classes('text-13 font-medium', line)}>{_('appearance.link')}</span>
    </span>
  );
}
