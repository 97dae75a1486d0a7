import { useLingui } from '@lingui/react';
import { useId, useState, type KeyboardEvent } from 'react';
import { Dialog as AriaDialog, Modal, ModalOverlay } from 'react-aria-components';
import { Avatar } from './Avatar';
import { classes } from './classes';
import { SearchField } from './SearchField';

export interface SwitcherItem {
  id: string;
  title: string;
  detail: string;
  seed: number;
}

/** Ctrl/Cmd+K: type a few letters, Enter goes there. */
export function QuickSwitcher({
  open,
  onClose,
  text,
  onText,
  items,
  onChoose,
}: {
  open: boolean;
  onClose: () => void;
  text: string;
  onText: (text: string) => void;
  items: readonly SwitcherItem[];
  onChoose: (id: string) => void;
}) {
  const { _ } = useLingui();
  const listId = useId();
  const [at, setAt] = useState(0);
  const chosen = Math.min(at, items.length - 1);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : items.length - 1;
      if (items.length > 0) setAt((chosen + step) % items.length);
    } else if (event.key === 'Enter') {
      const item = items[chosen];
      if (item) onChoose(item.id);
    }
  };
  return (
    <ModalOverlay
      isOpen={open}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      isDismissable
      className="fixed inset-0 z-40 flex animate-fade items-start justify-center bg-scrim p-4 pt-[12vh]"
    >
      <Modal className="w-full max-w-130 animate-enter rounded-lg bg-raised p-2 shadow-3 forced:border">
        <AriaDialog aria-label={_('ui.quickSwitcher')} className="outline-none">
          <SearchField
            label={_('ui.quickSwitcher')}
            value={text}
            onChange={(next) => {
              setAt(0);
              onText(next);
            }}
            onKeyDown={onKeyDown}
            autoFocus
          />
          <ul
            role="listbox"
            id={listId}
            aria-label={_('ui.results')}
            className="mt-2 max-h-80 overflow-y-auto"
          >
            {items.map((item, index) => (
              <li
                key={item.id}
                role="option"
                aria-selected={index === chosen}
                onClick={() => onChoose(item.id)}
                onPointerMove={() => setAt(index)}
                className={classes(
                  'flex w-full cursor-pointer items-center gap-3 rounded-md px-2.5 py-2 text-start',
                  index === chosen && 'bg-press',
                )}
              >
                <Avatar name={item.title} seed={item.seed} size={36} />
                <span className="min-w-0 flex-1">
                  <span dir="auto" className="block w-fit max-w-full truncate font-semibold">
                    {item.title}
                  </span>
                  <span className="block truncate text-13 text-text-2">{item.detail}</span>
                </span>
              </li>
            ))}
          </ul>
          {items.length === 0 && <p className="p-6 text-center text-text-2">{_('ui.nothingFound')}</p>}
          <p role="status" className="sr-only">
            {items[chosen] ? items[chosen].title : _('ui.nothingFound')}
          </p>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
