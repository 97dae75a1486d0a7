import { useLingui } from '@lingui/react';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router';
import { useCommand, useQuery } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { PasswordField } from '../../ui/PasswordField';
import { useRefusalText } from '../../ui/refusals';
import { TextField } from '../../ui/TextField';
import { AuthLayout } from './AuthLayout';
import { useDeviceName } from './deviceName';
import { FormFault } from './SignUp';

/** Opens a session for the account of this browser; says plainly when the account lives elsewhere. */
export function LogIn({ onDone, back = '/' }: { onDone: () => void; back?: string }) {
  const { _ } = useLingui();
  const command = useCommand();
  const deviceName = useDeviceName();
  const refusalText = useRefusalText();
  const account = useQuery({ type: 'account' });
  const own = account?.type === 'account' ? account.handle : '';
  const [typedHandle, setHandle] = useState('');
  const [password, setPassword] = useState('');
  const [running, setRunning] = useState(false);
  const [fault, setFault] = useState<string>();
  const handle = own !== '' ? own : typedHandle;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (running || handle === '' || password === '') {
      setFault(_('auth.fillBoth'));
      return;
    }
    setRunning(true);
    const result = await command({ type: 'log_in', handle, password, device_name: deviceName() });
    setRunning(false);
    if (result.type === 'ok') onDone();
    else setFault(refusalText(result.refusal.code, result.refusal.retry_after_s));
  };

  return (
    <AuthLayout
      title={_('auth.logIn')}
      back={own === '' ? back : undefined}
      footer={
        own === '' ? (
          <p>
            {_('auth.noAccountYet')}{' '}
            <Link to="/signup" className="font-medium text-electric hover:underline">
              {_('auth.createAccount')}
            </Link>
          </p>
        ) : undefined
      }
    >
      <form onSubmit={(event) => void submit(event)} noValidate>
        <h1 className="text-24 tracking-tight">{own === '' ? _('auth.logInTitle') : _('auth.logInAgain')}</h1>
        <p className="mt-2 text-text-2">{own === '' ? _('auth.logInLead') : _('auth.logInAgainLead')}</p>
        <div className="mt-6 flex flex-col gap-5">
          <TextField
            label={_('auth.handle')}
            prefix="@"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            disabled={own !== ''}
            autoFocus={own === ''}
            value={handle}
            onChange={(event) => setHandle(event.target.value.toLowerCase().replace(/^@/, ''))}
          />
          <PasswordField
            label={_('auth.password')}
            name="password"
            autoComplete="current-password"
            autoFocus={own !== ''}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </div>
        <FormFault text={fault} />
        <Button type="submit" size="lg" block loading={running} className="mt-6">
          {_('auth.logIn')}
        </Button>
      </form>
    </AuthLayout>
  );
}
