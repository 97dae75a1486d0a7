import { useLingui } from '@lingui/react';
import { useState, type FormEvent } from 'react';
import { useVault } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { PasswordField } from '../../ui/PasswordField';
import { AuthLayout } from './AuthLayout';
import { Forget } from './Forget';

/** The chats are on this device, encrypted under a passphrase. */
export function Unlock() {
  const { _ } = useLingui();
  const vault = useVault();
  const [passphrase, setPassphrase] = useState('');
  const [running, setRunning] = useState(false);
  const [fault, setFault] = useState<string>();
  const [forgetting, setForgetting] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (running) return;
    setRunning(true);
    const result = await vault.unlock(passphrase);
    setRunning(false);
    if (!result.ok)
      setFault(result.reason === 'wrong_passphrase' ? _('auth.wrongPassphrase') : _('auth.unlockFailed'));
  };

  return (
    <AuthLayout
      footer={
        <button
          type="button"
          onClick={() => setForgetting(true)}
          className="font-medium text-electric hover:underline"
        >
          {_('auth.passphraseForgotten')}
        </button>
      }
    >
      <form onSubmit={(event) => void submit(event)} noValidate>
        <h1 className="text-24 tracking-tight">{_('auth.unlockTitle')}</h1>
        <p className="mt-2 mb-6 text-text-2">{_('auth.unlockLead')}</p>
        <PasswordField
          label={_('auth.passphrase')}
          name="passphrase"
          autoComplete="current-password"
          autoFocus
          value={passphrase}
          onChange={(event) => setPassphrase(event.target.value)}
          error={fault}
        />
        <Button type="submit" size="lg" block loading={running} className="mt-6">
          {_('auth.unlock')}
        </Button>
        <p role="status" className="mt-4 text-13 text-text-2">
          {running ? _('auth.unlocking') : ''}
        </p>
      </form>
      <Forget open={forgetting} onClose={() => setForgetting(false)} />
    </AuthLayout>
  );
}
