import { CircleAlert } from 'lucide-react';
import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from 'react';
import { classes } from './classes';

export interface TextFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'prefix'> {
  label: string;
  /** Shown under the field while there is no error. */
  hint?: ReactNode;
  error?: string;
  prefix?: string;
  /** Something at the end of the field: a state word or a button. */
  trailing?: ReactNode;
  labelHidden?: boolean;
  ref?: Ref<HTMLInputElement>;
}

export function TextField({
  label,
  hint,
  error,
  prefix,
  trailing,
  labelHidden,
  className,
  id,
  disabled,
  ...rest
}: TextFieldProps) {
  const ownId = useId();
  const inputId = id ?? ownId;
  const noteId = `${inputId}-note`;
  return (
    <div className={classes('flex flex-col gap-1.5', className)}>
      <label htmlFor={inputId} className={labelHidden ? 'sr-only' : 'text-13 font-medium text-text-2'}>
        {label}
      </label>
      <div
        className={classes(
          'flex h-12 items-center gap-2 rounded-md border px-3.5 transition-colors',
          'focus-within:outline-2 focus-within:-outline-offset-1',
          disabled
            ? 'border-transparent bg-press text-text-2'
            : error
              ? 'border-danger bg-surface inset-ring-1 inset-ring-danger focus-within:outline-danger'
              : 'border-control bg-surface focus-within:outline-electric',
        )}
      >
        {prefix && (
          <span aria-hidden className="text-text-3">
            {prefix}
          </span>
        )}
        <input
          id={inputId}
          disabled={disabled}
          aria-invalid={error ? true : undefined}
          aria-describedby={error || hint ? noteId : undefined}
          className="h-full min-w-0 flex-1 bg-transparent outline-none disabled:cursor-not-allowed"
          {...rest}
        />
        {trailing}
      </div>
      {(error || hint) && (
        <p
          id={noteId}
          className={classes('flex items-start gap-1.5 text-13', error ? 'text-danger' : 'text-text-2')}
          aria-live={error ? 'polite' : undefined}
        >
          {error && <CircleAlert size={16} strokeWidth={2} aria-hidden className="mt-px shrink-0" />}
          <span>{error ?? hint}</span>
        </p>
      )}
    </div>
  );
}
