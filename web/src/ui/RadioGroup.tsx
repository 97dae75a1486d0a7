import { useId, type ReactNode } from 'react';
import { classes } from './classes';

export interface RadioOption<T extends string> {
  value: T;
  label: string;
  description?: string;
  /** A small picture of the choice. */
  preview?: ReactNode;
}

/** Choices that show themselves, as cards. Native radios: arrow keys, one tab stop. */
export function RadioGroup<T extends string>({
  label,
  labelHidden,
  value,
  options,
  onChange,
  columns = true,
}: {
  label: string;
  labelHidden?: boolean;
  value: T;
  options: readonly RadioOption<T>[];
  onChange: (value: T) => void;
  columns?: boolean;
}) {
  const name = useId();
  return (
    <fieldset className="min-w-0">
      <legend className={labelHidden ? 'sr-only' : 'mb-2 font-semibold'}>{label}</legend>
      <div className={classes('grid gap-2 md:gap-3', columns && 'grid-cols-1 xs:grid-cols-3')}>
        {options.map((option) => (
          <label
            key={option.value}
            className={classes(
              'relative flex min-w-0 cursor-pointer flex-col gap-3 rounded-lg bg-surface p-3 transition-colors hover:bg-hover forced:border',
              'has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-electric',
              option.value === value ? 'inset-ring-2 inset-ring-electric' : 'inset-ring-1 inset-ring-divider',
            )}
          >
            {option.preview}
            <span className="flex items-center gap-2">
              <span className="min-w-0 flex-1">
                <span className="block font-medium">{option.label}</span>
                {option.description && (
                  <span className="block text-13 text-text-2">{option.description}</span>
                )}
              </span>
              <input
                type="radio"
                name={name}
                value={option.value}
                checked={option.value === value}
                onChange={() => onChange(option.value)}
                className="size-5 shrink-0 appearance-none rounded-full border-2 border-control outline-none checked:border-6 checked:border-electric forced:appearance-auto"
              />
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
