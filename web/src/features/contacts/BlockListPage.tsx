import { useLingui } from '@lingui/react';
import { useCommand, useQuery } from '../../core/hooks';
import { Avatar } from '../../ui/Avatar';
import { Button } from '../../ui/Button';
import { Page, Section } from '../../ui/Pane';
import { useRefusalText } from '../../ui/refusals';
import { SettingCard } from '../../ui/SettingRow';
import { useToasts } from '../../ui/toasts';

/** People whose messages are not taken in. */
export function BlockListPage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const view = useQuery({ type: 'blocked' });
  const unblock = async (contactId: string) => {
    const result = await command({ type: 'unblock', contact_id: contactId });
    if (result.type === 'err') showToast({ text: refusalText(result.refusal.code) });
  };
  return (
    <Page title={_('blocked.title')} lead={_('blocked.lead')} onBack={onBack}>
      {view?.type === 'blocked' && view.contacts.length === 0 && (
        <p className="mt-8 text-text-2">{_('blocked.none')}</p>
      )}
      {view?.type === 'blocked' && view.contacts.length > 0 && (
        <Section>
          <SettingCard>
            {view.contacts.map((contact) => (
              <div key={contact.contact_id} className="flex min-h-16 items-center gap-3 px-4 py-2 md:px-5">
                <Avatar name={contact.name} seed={contact.colour_seed} size={40} />
                <div className="min-w-0 flex-1">
                  <div dir="auto" className="w-fit max-w-full truncate font-semibold">
                    {contact.name}
                  </div>
                  <div className="truncate text-13 text-text-2">@{contact.handle}</div>
                </div>
                <Button variant="outline" size="sm" onClick={() => void unblock(contact.contact_id)}>
                  {_('chat.unblock')}
                </Button>
              </div>
            ))}
          </SettingCard>
        </Section>
      )}
    </Page>
  );
}
