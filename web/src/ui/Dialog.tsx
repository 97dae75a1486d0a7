import { useLingui } from '@lingui/react';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { classes } from './classes';
import { IconButton } from './IconButton';

/** A question or a small task in front of the page; on a phone it rises from the bottom edge. */
export function Dialog({
  title,
  open,
  onClose,
  children,
  wide,
  role = 'dialog',
}: {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  role?: 'dialog' | 'alertdialog';
}) {
  const { _ } = useLingui();
  return (
    <ModalOverlay
      isOpen={open}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      isDismissable={role === 'dialog'}
      className="fixed inset-0 z-40 flex items-end justify-center bg-scrim animate-fade md:items-center md:p-6"
    >
      <Modal
        className={classes(
          'max-h-[calc(100dvh-1.5rem)] w-full animate-sheet overflow-y-auto rounded-t-xl bg-raised pb-[env(safe-area-inset-bottom)] shadow-3 md:rounded-xl forced:border',
          wide ? 'md:max-w-160' : 'md:max-w-110',
        )}
      >
        <AriaDialog role={role} className="outline-none">
          <header className="flex items-center gap-2 ps-5 pe-2 pt-3 pb-2 md:ps-6 md:pe-3">
            <Heading slot="title" level={2} className="flex-1 text-20 tracking-tight">
              {title}
            </Heading>
            {role === 'dialog' && <IconButton icon={X} label={_('ui.close')} onClick={onClose} />}
          </header>
          <div className="px-5 pt-1 pb-6 md:px-6">{children}</div>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Buttons at the foot of a dialog: the safe way out last in reading order on phones, first on wide screens. */
export function DialogActions({ children }: { children: ReactNode }) {
  return (
    <div className="mt-6 flex flex-col-reverse gap-2 md:flex-row md:justify-end md:gap-3">{children}</div>
  );
}
