import { useLingui } from '@lingui/react';
import { Page, Section } from '../../ui/Pane';
import { ShortcutTable, type ShortcutGroup } from '../../ui/ShortcutSheet';

export function ShortcutsPage({ groups, onBack }: { groups: readonly ShortcutGroup[]; onBack: () => void }) {
  const { _ } = useLingui();
  return (
    <Page title={_('settings.shortcuts')} lead={_('shortcuts.lead')} onBack={onBack}>
      <Section>
        <div className="rounded-lg bg-surface p-5 shadow-1 forced:border">
          <ShortcutTable groups={groups} />
        </div>
      </Section>
    </Page>
  );
}
