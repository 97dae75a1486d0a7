import { classes } from './classes';

const colours = [
  'bg-av1-bg text-av1',
  'bg-av2-bg text-av2',
  'bg-av3-bg text-av3',
  'bg-av4-bg text-av4',
  'bg-av5-bg text-av5',
  'bg-av6-bg text-av6',
  'bg-av7-bg text-av7',
] as const;

const sizes = {
  28: 'size-7 text-[0.6875rem]',
  36: 'size-9 text-13',
  40: 'size-10 text-[0.875rem]',
  44: 'size-11 text-15',
  56: 'size-14 text-20',
  72: 'size-18 text-24',
} as const;

/** At most two letters that stand for a name; works for scripts without capital letters too. */
export function initials(name: string): string {
  const words = name
    .replace(/^@/, '')
    .split(/[\s._-]+/u)
    .filter(Boolean);
  const letters =
    words.length > 1
      ? words.slice(0, 2).map((word) => [...word][0] ?? '')
      : [...(words[0] ?? '?')].slice(0, 2);
  return letters.join('').toLocaleUpperCase();
}

/** People are circles, groups are rounded squares. Decorative: the name stands beside it. */
export function Avatar({
  name,
  seed,
  size = 44,
  shape = 'person',
}: {
  name: string;
  seed: number;
  size?: keyof typeof sizes;
  shape?: 'person' | 'group';
}) {
  return (
    <span
      aria-hidden
      className={classes(
        'grid shrink-0 place-items-center font-semibold tracking-wide select-none forced:border',
        sizes[size],
        shape === 'person' ? 'rounded-full' : 'rounded-[32%]',
        colours[seed % colours.length],
      )}
    >
      {initials(name)}
    </span>
  );
}
