import { useLingui } from '@lingui/react';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';

/** For me, or for everyone. What was chosen can be undone for five seconds. */
export function DeleteDialog({
  open,
  canForEveryone,
  name,
  onClose,
  onDelete,
}: {
  open: boolean;
  canForEveryone: boolean;
  name: string;
  onClose: () => void;
  onDelete: (forEveryone: boolean) => void;
}) {
  const { _ } = useLingui();
  return (
    <Dialog title={_('chat.deleteTitle')} open={open} onClose={onClose}>
      <p className="text-text-2">
        {canForEveryone ? _('chat.deleteTextOwn', { name }) : _('chat.deleteText')}
      </p>
      <div className="mt-6 flex flex-col gap-2">
        {canForEveryone && (
          <Button variant="danger" block onClick={() => onDelete(true)}>
            {_('chat.deleteForEveryone')}
          </Button>
        )}
        <Button
          variant={canForEveryone ? 'outline' : 'danger'}
          block
          onClick={() => onDelete(false)}
          autoFocus
        >
          {_('chat.deleteForMe')}
        </Button>
        <Button variant="ghost" block onClick={onClose}>
          {_('ui.cancel')}
        </Button>
      </div>
    </Dialog>
  );
}
