import { useLingui } from '@lingui/react';
import { useState, type FormEvent } from 'react';
import { useCommand } from '../../core/hooks';
import { Avatar } from '../../ui/Avatar';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { Page, Section } from '../../ui/Pane';
import { useRefusalText } from '../../ui/refusals';
import { SettingCard, SettingRow, SwitchRow } from '../../ui/SettingRow';
import { TextField } from '../../ui/TextField';
import { useToasts } from '../../ui/toasts';

export function ProfilePage({
  name,
  handle,
  seed,
  onBack,
}: {
  name: string;
  handle: string;
  seed: number;
  onBack: () => void;
}) {
  const { _ } = useLingui();
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const [text, setText] = useState(name);
  const [saving, setSaving] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [erase, setErase] = useState(false);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSaving(true);
    const result = await command({ type: 'set_profile', display_name: text.trim() });
    setSaving(false);
    showToast({ text: result.type === 'ok' ? _('settings.saved') : refusalText(result.refusal.code) });
  };
  const logOut = async () => {
    setLeaving(false);
    const result = await command({ type: 'log_out', erase });
    if (result.type === 'err') showToast({ text: refusalText(result.refusal.code) });
  };

  return (
    <Page title={_('settings.profile')} lead={_('settings.profileLead')} onBack={onBack}>
      <Section>
        <form
          onSubmit={(event) => void save(event)}
          className="rounded-lg bg-surface p-5 shadow-1 forced:border"
        >
          <div className="flex flex-wrap items-center gap-5">
            <Avatar name={text || handle} seed={seed} size={72} />
            <div className="min-w-56 flex-1">
              <TextField
                label={_('settings.displayName')}
                value={text}
                maxLength={64}
                dir="auto"
                autoComplete="name"
                onChange={(event) => setText(event.target.value)}
                hint={_('settings.displayNameHint')}
              />
            </div>
          </div>
          <div className="mt-4 flex justify-end">
            <Button type="submit" loading={saving} disabled={text.trim() === name}>
              {_('ui.save')}
            </Button>
          </div>
        </form>
      </Section>
      <Section title={_('settings.account')}>
        <SettingCard>
          <SettingRow title={_('auth.handle')} description={_('settings.handleDetail')}>
            <span className="min-w-0 font-medium wrap-anywhere">@{handle}</span>
          </SettingRow>
          <SettingRow title={_('settings.logOut')} description={_('settings.logOutDetail')}>
            <Button variant="outline" size="sm" onClick={() => setLeaving(true)}>
              {_('settings.logOut')}
            </Button>
          </SettingRow>
        </SettingCard>
      </Section>
      <Dialog
        role="alertdialog"
        title={_('settings.logOutTitle')}
        open={leaving}
        onClose={() => setLeaving(false)}
      >
        <p className="text-text-2">{_('settings.logOutText')}</p>
        <div className="mt-4 -mx-4 rounded-md bg-danger-tint md:-mx-5">
          <SwitchRow
            title={_('settings.eraseToo')}
            description={_('settings.eraseTooDetail')}
            checked={erase}
            onChange={setErase}
          />
        </div>
        <DialogActions>
          <Button variant="outline" onClick={() => setLeaving(false)} autoFocus>
            {_('ui.cancel')}
          </Button>
          <Button variant={erase ? 'danger' : 'primary'} onClick={() => void logOut()}>
            {erase ? _('settings.logOutErase') : _('settings.logOut')}
          </Button>
        </DialogActions>
      </Dialog>
    </Page>
  );
}
