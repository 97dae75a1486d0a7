import type { LucideIcon } from 'lucide-react';
import type { ButtonHTMLAttributes, Ref } from 'react';
import { classes } from './classes';
import { Spinner } from './Spinner';

const variants = {
  primary: 'bg-primary text-on-primary enabled:hover:bg-primary-hover',
  accent:
    'bg-accent text-accent-ink inset-ring-1 inset-ring-accent-edge enabled:hover:bg-accent-hover forced:border',
  outline: 'inset-ring-1 inset-ring-control enabled:hover:bg-hover forced:border',
  ghost: 'text-primary-text enabled:hover:bg-hover',
  danger: 'bg-danger-fill text-on-danger enabled:hover:brightness-110',
  'danger-text': 'text-danger enabled:hover:bg-danger-tint',
} as const;

const sizes = {
  sm: 'min-h-10 px-3 text-13 md:min-h-8',
  md: 'min-h-(--hit) px-4',
  lg: 'min-h-12 px-5',
} as const;

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: keyof typeof variants;
  size?: keyof typeof sizes;
  icon?: LucideIcon;
  block?: boolean;
  /** Shows that the action runs; the button keeps its width and focus and does nothing meanwhile. */
  loading?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({
  variant = 'primary',
  size = 'md',
  icon: Icon,
  block,
  loading,
  className,
  children,
  onClick,
  type = 'button',
  ...rest
}: ButtonProps) {
  return (
    <button
      type={type}
      aria-busy={loading || undefined}
      aria-disabled={loading || undefined}
      onClick={(event) => {
        if (loading) event.preventDefault();
        else onClick?.(event);
      }}
      className={classes(
        'relative inline-flex items-center justify-center gap-2 rounded-md text-center font-semibold transition-[background-color,scale] active:scale-98',
        'disabled:bg-press disabled:text-text-2 disabled:inset-ring-0',
        sizes[size],
        variants[variant],
        block && 'w-full',
        className,
      )}
      {...rest}
    >
      <span className={classes('inline-flex items-center gap-2', loading && 'opacity-0')}>
        {Icon && (
          <Icon
            size={size === 'sm' ? 16 : 20}
            strokeWidth={size === 'sm' ? 2 : 1.75}
            aria-hidden
            className="shrink-0"
          />
        )}
        {children}
      </span>
      {loading && (
        <span className="absolute inset-0 grid place-items-center">
          <Spinner />
        </span>
      )}
    </button>
  );
}
