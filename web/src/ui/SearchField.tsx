import { useLingui } from '@lingui/react';
import { Search, X } from 'lucide-react';
import type { KeyboardEvent, Ref } from 'react';
import { IconButton } from './IconButton';
import { Kbd } from './Kbd';

export function SearchField({
  label,
  value,
  onChange,
  onKeyDown,
  shortcut,
  autoFocus,
  ref,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  onKeyDown?: (event: KeyboardEvent<HTMLInputElement>) => void;
  shortcut?: string;
  autoFocus?: boolean;
  ref?: Ref<HTMLInputElement>;
}) {
  const { _ } = useLingui();
  return (
    <div
      role="search"
      className="flex h-11 items-center gap-2 rounded-md bg-sunken px-2.5 text-text-3 focus-within:outline-2 focus-within:outline-electric md:h-10 forced:border"
    >
      <Search size={20} strokeWidth={1.75} aria-hidden className="shrink-0" />
      <input
        ref={ref}
        type="search"
        autoFocus={autoFocus}
        value={value}
        aria-label={label}
        placeholder={label}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        spellCheck={false}
        className="h-full min-w-0 flex-1 bg-transparent text-text outline-none [&::-webkit-search-cancel-button]:hidden"
      />
      {value !== '' ? (
        <IconButton icon={X} label={_('ui.clear')} onClick={() => onChange('')} size="sm" className="-me-1" />
      ) : (
        shortcut && (
          <span className="hidden md:block">
            <Kbd keys={shortcut} />
          </span>
        )
      )}
    </div>
  );
}
