import type { LucideIcon } from 'lucide-react';
import type { ReactElement } from 'react';
import {
  Menu as AriaMenu,
  MenuItem,
  MenuTrigger,
  Popover,
  Pressable,
  Separator,
} from 'react-aria-components';
import { classes } from './classes';

export interface MenuEntry {
  id: string;
  label: string;
  icon: LucideIcon;
  onAction: () => void;
  /** Key that does the same, shown at the end. */
  shortcut?: string;
  danger?: boolean;
  /** Draws a line before this entry. */
  separated?: boolean;
}

/** A true menu: arrow keys, typing ahead, Escape. `trigger` is the button that opens it. */
export function Menu({
  label,
  entries,
  trigger,
  open,
  onOpenChange,
}: {
  label: string;
  entries: readonly MenuEntry[];
  trigger: ReactElement<Record<string, unknown>, string>;
  /** Set to open it from elsewhere, as a context menu does. */
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
}) {
  return (
    <MenuTrigger isOpen={open} onOpenChange={onOpenChange}>
      <Pressable>{trigger}</Pressable>
      <Popover
        placement="bottom end"
        className="z-50 min-w-56 animate-fade rounded-md bg-raised p-1 shadow-2 ring-1 ring-divider outline-none forced:border"
      >
        <AriaMenu
          aria-label={label}
          className="outline-none"
          onAction={(id) => entries.find((entry) => entry.id === id)?.onAction()}
        >
          {entries.flatMap((entry) => [
            ...(entry.separated
              ? [<Separator key={`${entry.id}-line`} className="mx-2 my-1 h-px bg-divider" />]
              : []),
            <MenuItem
              key={entry.id}
              id={entry.id}
              textValue={entry.label}
              className={classes(
                'flex min-h-11 cursor-pointer items-center gap-3 rounded-[8px] px-2.5 outline-none data-focused:bg-press md:min-h-10',
                entry.danger && 'text-danger',
              )}
            >
              <entry.icon
                size={20}
                strokeWidth={1.75}
                aria-hidden
                className={classes('shrink-0', !entry.danger && 'text-text-2')}
              />
              <span className="flex-1">{entry.label}</span>
              {entry.shortcut && <kbd className="font-sans text-12 text-text-2">{entry.shortcut}</kbd>}
            </MenuItem>,
          ])}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
