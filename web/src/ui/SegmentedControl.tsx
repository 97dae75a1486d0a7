import { useId } from 'react';
import { classes } from './classes';

/** Two to four short choices in a row. Native radios underneath. */
export function SegmentedControl<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className="inline-flex gap-1 rounded-md bg-track p-1">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={classes(
            'relative grid min-h-10 cursor-pointer place-items-center rounded-[8px] px-3.5 text-13 font-medium transition-colors md:min-h-8',
            'has-focus-visible:outline-2 has-focus-visible:outline-electric',
            option.value === value ? 'bg-seg-on text-text shadow-1 forced:border' : 'text-text-2',
          )}
        >
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="absolute inset-0 cursor-pointer opacity-0"
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
