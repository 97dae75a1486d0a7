import { useLingui } from '@lingui/react';
import { Eye, EyeOff } from 'lucide-react';
import { useState } from 'react';
import { IconButton } from './IconButton';
import { TextField, type TextFieldProps } from './TextField';

/** A password that can be shown; paste and password managers work. */
export function PasswordField(props: Omit<TextFieldProps, 'type' | 'trailing' | 'prefix'>) {
  const { _ } = useLingui();
  const [shown, setShown] = useState(false);
  return (
    <TextField
      {...props}
      type={shown ? 'text' : 'password'}
      autoCapitalize="none"
      spellCheck={false}
      trailing={
        <IconButton
          icon={shown ? EyeOff : Eye}
          label={shown ? _('ui.hidePassword') : _('ui.showPassword')}
          onClick={() => setShown(!shown)}
          size="sm"
          className="-me-2"
        />
      }
    />
  );
}
