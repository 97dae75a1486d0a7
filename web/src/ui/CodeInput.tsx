import { classes } from './classes';

/** Single characters to retype, each with its place named. Paste fills them in order. */
export function CodeInput({
  labels,
  value,
  onChange,
  error,
}: {
  /** One label per character. */
  labels: readonly string[];
  value: string;
  onChange: (value: string) => void;
  error?: string;
}) {
  const characters = [...value.padEnd(labels.length)];
  const put = (index: number, typed: string, field: HTMLInputElement) => {
    const clean = typed.replace(/\s/g, '').toUpperCase();
    const next = [...characters];
    if (clean === '') next[index] = ' ';
    [...clean]
      .slice(0, labels.length - index)
      .forEach((character, offset) => (next[index + offset] = character));
    onChange(next.join('').trimEnd());
    const fields = field.closest('[data-code]')?.querySelectorAll('input');
    if (clean !== '') fields?.[Math.min(index + clean.length, labels.length - 1)]?.focus();
  };
  return (
    <div>
      <div data-code className="flex flex-wrap gap-2">
        {labels.map((label, index) => (
          <label key={index} className="flex flex-col items-center gap-1 text-12 text-text-2">
            {label}
            <input
              value={characters[index] === ' ' ? '' : characters[index]}
              onChange={(event) => put(index, event.target.value, event.target)}
              onKeyDown={(event) => {
                if (event.key !== 'Backspace' || event.currentTarget.value !== '' || index === 0) return;
                event.currentTarget.closest('[data-code]')?.querySelectorAll('input')[index - 1]?.focus();
              }}
              aria-invalid={error ? true : undefined}
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              className={classes(
                'code-text size-12 rounded-md border bg-surface text-center text-20 font-semibold text-text uppercase',
                error ? 'border-danger inset-ring-1 inset-ring-danger' : 'border-control',
              )}
            />
          </label>
        ))}
      </div>
      <p role="alert" className="mt-2 min-h-[1.125rem] text-13 text-danger">
        {error}
      </p>
    </div>
  );
}
