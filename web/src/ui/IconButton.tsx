import type { LucideIcon } from 'lucide-react';
import type { ButtonHTMLAttributes, Ref } from 'react';
import { classes } from './classes';

export interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'children'> {
  icon: LucideIcon;
  /** The name people hear and see as a tip. */
  label: string;
  pressed?: boolean;
  size?: 'md' | 'sm';
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({
  icon: Icon,
  label,
  pressed,
  size = 'md',
  className,
  type = 'button',
  ...rest
}: IconButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      className={classes(
        'grid shrink-0 place-items-center rounded-md transition-colors enabled:hover:bg-hover enabled:active:bg-press disabled:opacity-50',
        size === 'md' ? 'size-(--hit)' : 'hit-44 size-8',
        pressed ? 'bg-primary-tint text-primary-text' : 'text-text-2',
        className,
      )}
      {...rest}
    >
      <Icon size={size === 'md' ? 20 : 18} strokeWidth={1.75} aria-hidden />
    </button>
  );
}
