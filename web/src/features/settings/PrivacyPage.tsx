import { useLingui } from '@lingui/react';
import { useState } from 'react';
import { useVault } from '../../core/hooks';
import { PASSPHRASE_CHARACTERS_MIN, type VaultRefusal } from '../../core/state';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { Page, Section } from '../../ui/Pane';
import { PasswordField } from '../../ui/PasswordField';
import { SegmentedControl } from '../../ui/SegmentedControl';
import { SettingCard, SettingRow, SwitchRow } from '../../ui/SettingRow';
import { useToasts } from '../../ui/toasts';
import { useSettings } from './useSettings';

type Question = 'set' | 'change' | 'remove';

/** What others see of this person, and how this device keeps the chats. */
export function PrivacyPage({ onBack }: { onBack: () => void }) {
  const { _ } = useLingui();
  const { settings, change } = useSettings();
  const vault = useVault();
  const settle = useToasts((state) => state.settle);
  const [question, setQuestion] = useState<Question>();
  const withPassphrase = vault.protection === 'passphrase';
  return (
    <Page title={_('settings.privacy')} onBack={onBack}>
      {settings && (
        <Section title={_('privacy.others')}>
          <SettingCard>
            <SwitchRow
              title={_('privacy.receipts')}
              description={_('privacy.receiptsDetail')}
              checked={settings.read_receipts}
              onChange={(on) => change({ read_receipts: on })}
            />
            <SwitchRow
              title={_('privacy.typing')}
              description={_('privacy.typingDetail')}
              checked={settings.typing_indicators}
              onChange={(on) => change({ typing_indicators: on })}
            />
          </SettingCard>
        </Section>
      )}
      <Section title={_('privacy.device')} description={_('privacy.deviceDetail')}>
        <SettingCard>
          <SettingRow
            title={withPassphrase ? _('privacy.passphraseOn') : _('privacy.remembered')}
            description={withPassphrase ? _('privacy.passphraseOnDetail') : _('privacy.rememberedDetail')}
          >
            <span className="flex flex-wrap gap-2">
              <Button
                variant="outline"
                size="sm"
                onClick={() => setQuestion(withPassphrase ? 'change' : 'set')}
              >
                {withPassphrase ? _('privacy.changePassphrase') : _('privacy.setPassphrase')}
              </Button>
              {withPassphrase && (
                <Button variant="danger-text" size="sm" onClick={() => setQuestion('remove')}>
                  {_('privacy.removePassphrase')}
                </Button>
              )}
            </span>
          </SettingRow>
          {withPassphrase && (
            <>
              <SettingRow title={_('privacy.autoLock')} description={_('privacy.autoLockDetail')}>
                <SegmentedControl
                  label={_('privacy.autoLock')}
                  value={String(vault.autoLockMinutes)}
                  options={[
                    { value: '0', label: _('privacy.never') },
                    { value: '5', label: _('privacy.minutes', { count: 5 }) },
                    { value: '30', label: _('privacy.minutes', { count: 30 }) },
                  ]}
                  onChange={(minutes) => void vault.setAutoLock(Number(minutes))}
                />
              </SettingRow>
              <SettingRow title={_('privacy.lockNow')}>
                <Button
                  variant="outline"
                  size="sm"
                  onClick={() => {
                    settle();
                    void vault.lock();
                  }}
                >
                  {_('privacy.lock')}
                </Button>
              </SettingRow>
            </>
          )}
        </SettingCard>
      </Section>
      {question && <PassphraseDialog question={question} onClose={() => setQuestion(undefined)} />}
    </Page>
  );
}

function PassphraseDialog({ question, onClose }: { question: Question; onClose: () => void }) {
  const { _ } = useLingui();
  const vault = useVault();
  const showToast = useToasts((state) => state.show);
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [fault, setFault] = useState<string>();
  const [running, setRunning] = useState(false);
  const words = (reason: VaultRefusal): string => {
    switch (reason) {
      case 'wrong_passphrase':
      case 'needs_passphrase':
        return _('auth.wrongPassphrase');
      case 'passphrase_too_short':
        return _('privacy.tooShort', { count: PASSPHRASE_CHARACTERS_MIN });
      case 'failed':
        return _('refusal.internal');
    }
  };
  const save = async () => {
    if (question !== 'remove' && next !== again) {
      setFault(_('privacy.notTheSame'));
      return;
    }
    setRunning(true);
    const result =
      question === 'remove'
        ? await vault.rememberDevice(current)
        : await vault.setPassphrase(next, question === 'set' ? null : current);
    setRunning(false);
    if (!result.ok) {
      setFault(words(result.reason));
      return;
    }
    showToast({
      text: question === 'remove' ? _('privacy.passphraseRemoved') : _('privacy.passphraseSaved'),
    });
    onClose();
  };
  const title =
    question === 'set'
      ? _('privacy.setPassphrase')
      : question === 'change'
        ? _('privacy.changePassphrase')
        : _('privacy.removePassphrase');
  return (
    <Dialog title={title} open onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
        noValidate
      >
        <p className="mb-5 text-text-2">
          {question === 'remove' ? _('privacy.removeText') : _('privacy.passphraseText')}
        </p>
        <div className="flex flex-col gap-4">
          {question !== 'set' && (
            <PasswordField
              label={_('privacy.current')}
              autoComplete="current-password"
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          )}
          {question !== 'remove' && (
            <>
              <PasswordField
                label={_('privacy.new')}
                autoComplete="new-password"
                value={next}
                onChange={(event) => setNext(event.target.value)}
                hint={_('privacy.tooShort', { count: PASSPHRASE_CHARACTERS_MIN })}
              />
              <PasswordField
                label={_('privacy.again')}
                autoComplete="new-password"
                value={again}
                onChange={(event) => setAgain(event.target.value)}
              />
            </>
          )}
        </div>
        <p role="alert" className="mt-3 min-h-[1.125rem] text-13 text-danger">
          {fault}
        </p>
        <DialogActions>
          <Button variant="outline" onClick={onClose}>
            {_('ui.cancel')}
          </Button>
          <Button type="submit" loading={running}>
            {_('ui.save')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
