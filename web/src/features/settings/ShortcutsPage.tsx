import { useLingui } from '@lingui/react';
import { useState } from 'react';
import { Button } from '../../ui/Button';
import { Kbd } from '../../ui/Kbd';
import { Page, Section } from '../../ui/Pane';
import { SettingCard, SettingRow } from '../../ui/SettingRow';
import { ShortcutTable, type ShortcutGroup } from '../../ui/ShortcutSheet';

export interface KeyChoice {
  id: string;
  label: string;
  keys: string;
  /** A key was pressed as the new choice. Not done: more keys are needed, or `fault` says why not. */
  onPress: (event: KeyboardEvent) => { done: boolean; fault?: string };
}

export interface KeyChoices {
  choices: readonly KeyChoice[];
  /** Nothing to go back to while everything is as usual. */
  onReset: (() => void) | undefined;
}

/** The table of keys, and the choice of others; what is chosen belongs to this browser and its keyboard. */
export function ShortcutsPage({
  groups,
  keys,
  onBack,
}: {
  groups: readonly ShortcutGroup[];
  keys: KeyChoices;
  onBack: () => void;
}) {
  const { _ } = useLingui();
  const [changing, setChanging] = useState<{ id: string; fault?: string }>();
  return (
    <Page title={_('settings.shortcuts')} lead={_('shortcuts.lead')} onBack={onBack}>
      <Section>
        <div className="rounded-lg bg-surface p-5 shadow-1 forced:border">
          <ShortcutTable groups={groups} />
        </div>
      </Section>
      <Section title={_('shortcuts.own')} description={_('shortcuts.ownDetail')}>
        <SettingCard>
          {keys.choices.map((choice) => (
            <SettingRow
              key={choice.id}
              title={choice.label}
              description={
                changing?.id === choice.id && (
                  <span role="status">{changing.fault ?? _('shortcuts.press')}</span>
                )
              }
            >
              <span className="ms-auto flex items-center gap-3">
                <Kbd keys={choice.keys} />
                <Button
                  variant="outline"
                  size="sm"
                  aria-label={_('shortcuts.changeOf', { action: choice.label })}
                  aria-pressed={changing?.id === choice.id}
                  onClick={() => setChanging(changing?.id === choice.id ? undefined : { id: choice.id })}
                  onBlur={() => setChanging(undefined)}
                  onKeyDown={(event) => {
                    if (changing?.id !== choice.id || event.key === 'Tab') return;
                    event.preventDefault();
                    event.stopPropagation();
                    if (event.key === 'Escape') {
                      setChanging(undefined);
                      return;
                    }
                    const { done, fault } = choice.onPress(event.nativeEvent);
                    setChanging(done ? undefined : { id: choice.id, fault });
                  }}
                >
                  {_('shortcuts.change')}
                </Button>
              </span>
            </SettingRow>
          ))}
        </SettingCard>
        {keys.onReset && (
          <Button variant="ghost" onClick={keys.onReset} className="mt-3">
            {_('shortcuts.reset')}
          </Button>
        )}
      </Section>
    </Page>
  );
}
