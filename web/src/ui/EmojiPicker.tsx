import { useLingui } from '@lingui/react';
import { useState, type ReactElement } from 'react';
import { Dialog, DialogTrigger, Popover, Pressable } from 'react-aria-components';
import { emojiByName } from './emoji';

/** A grid of common emoji with a search by name. The system's own picker works in every text field as well. */
export function EmojiPicker({
  trigger,
  open,
  onOpenChange,
  onPick,
}: {
  trigger: ReactElement<Record<string, unknown>, string>;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onPick: (emoji: string) => void;
}) {
  const { _ } = useLingui();
  const [search, setSearch] = useState('');
  const shown = emojiByName.filter(([, names]) => names.includes(search.trim().toLowerCase()));
  return (
    <DialogTrigger isOpen={open} onOpenChange={onOpenChange}>
      <Pressable>{trigger}</Pressable>
      <Popover
        placement="top end"
        className="z-50 w-80 max-w-[calc(100vw-1rem)] animate-fade rounded-lg bg-raised p-2 shadow-2 ring-1 ring-divider outline-none forced:border"
      >
        <Dialog aria-label={_('ui.emoji')} className="outline-none">
          <input
            autoFocus
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            aria-label={_('ui.emojiSearch')}
            placeholder={_('ui.emojiSearch')}
            className="mb-2 h-10 w-full rounded-md bg-sunken px-3"
          />
          <div className="grid max-h-64 grid-cols-7 gap-0.5 overflow-y-auto p-0.5">
            {shown.map(([emoji, names]) => (
              <button
                key={emoji}
                type="button"
                aria-label={names.split(' ')[0]?.replaceAll('_', ' ')}
                onClick={() => onPick(emoji)}
                className="grid aspect-square place-items-center rounded-md text-20 hover:bg-press"
              >
                <span aria-hidden>{emoji}</span>
              </button>
            ))}
          </div>
          {shown.length === 0 && <p className="p-3 text-center text-13 text-text-2">{_('ui.emojiNone')}</p>}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
