import { useLingui } from '@lingui/react';
import { useState, type FormEvent } from 'react';
import { Link } from 'react-router';
import { useCommand, useStorage } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { PasswordField } from '../../ui/PasswordField';
import { useRefusalText, type RefusalWord } from '../../ui/refusals';
import { TextField } from '../../ui/TextField';
import { AuthLayout } from './AuthLayout';
import { useDeviceName } from './deviceName';

/** 3 to 32 of a-z, 0-9, `.`, `_`, `-`, starting with a letter; as the relay has it. */
const HANDLE = /^[a-z][a-z0-9._-]{2,31}$/;
const PASSWORD_CHARACTERS_MIN = 8;

interface Faults {
  handle?: string;
  password?: string;
  form?: string;
}

export function SignUp({ onDone }: { onDone: () => void }) {
  const { _ } = useLingui();
  const command = useCommand();
  const deviceName = useDeviceName();
  const storage = useStorage();
  const refusalText = useRefusalText();
  const [handle, setHandle] = useState('');
  const [password, setPassword] = useState('');
  const [running, setRunning] = useState(false);
  const [faults, setFaults] = useState<Faults>({});

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (running) return;
    const found: Faults = {
      handle: HANDLE.test(handle) ? undefined : refusalText('handle_invalid'),
      password:
        [...password].length >= PASSWORD_CHARACTERS_MIN ? undefined : refusalText('password_too_short'),
    };
    setFaults(found);
    if (found.handle || found.password) return;
    setRunning(true);
    // Inside the click, as browsers want it; a refusal changes nothing here and is shown in the settings.
    void storage.persist();
    const result = await command({
      type: 'sign_up',
      handle,
      password,
      display_name: '',
      device_name: deviceName(),
    });
    setRunning(false);
    if (result.type === 'ok') onDone();
    else
      setFaults(place(result.refusal.code, refusalText(result.refusal.code, result.refusal.retry_after_s)));
  };

  return (
    <AuthLayout
      title={_('auth.createAccount')}
      back="/"
      footer={
        <p>
          {_('auth.haveAccount')}{' '}
          <Link to="/login" className="font-medium text-electric hover:underline">
            {_('auth.logIn')}
          </Link>
        </p>
      }
    >
      <form onSubmit={(event) => void submit(event)} noValidate>
        <h1 className="text-24 tracking-tight">{_('auth.signUpTitle')}</h1>
        <p className="mt-2 text-text-2">{_('auth.signUpLead')}</p>
        <div className="mt-6 flex flex-col gap-5">
          <TextField
            label={_('auth.handle')}
            prefix="@"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            autoCorrect="off"
            spellCheck={false}
            autoFocus
            maxLength={32}
            value={handle}
            onChange={(event) => setHandle(event.target.value.toLowerCase().replace(/^@/, ''))}
            hint={_('auth.handleHint')}
            error={faults.handle}
          />
          <PasswordField
            label={_('auth.password')}
            name="password"
            autoComplete="new-password"
            maxLength={256}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            hint={_('auth.passwordHint')}
            error={faults.password}
          />
        </div>
        <FormFault text={faults.form} />
        <Button type="submit" size="lg" block loading={running} className="mt-6">
          {_('auth.createAccount')}
        </Button>
        <p role="status" className="mt-4 text-13 text-text-2">
          {running ? _('auth.makingKeys') : _('auth.deviceRemembered')}
        </p>
      </form>
    </AuthLayout>
  );
}

function place(code: RefusalWord, text: string): Faults {
  if (code === 'handle_invalid' || code === 'handle_taken') return { handle: text };
  if (code === 'password_too_short') return { password: text };
  return { form: text };
}

export function FormFault({ text }: { text?: string }) {
  return (
    <p
      role="alert"
      className={text ? 'mt-4 rounded-md bg-danger-tint px-4 py-3 text-13 text-danger' : 'sr-only'}
    >
      {text}
    </p>
  );
}
