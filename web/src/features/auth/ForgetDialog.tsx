import { useLingui } from '@lingui/react';
import { useVault } from '../../core/hooks';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';

/** Asks before everything this browser holds is deleted. */
export function ForgetDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { _ } = useLingui();
  const vault = useVault();
  return (
    <Dialog title={_('auth.forgetTitle')} open={open} onClose={onClose} role="alertdialog">
      <p className="text-text-2">{_('auth.forgetText')}</p>
      <DialogActions>
        <Button variant="outline" onClick={onClose} autoFocus>
          {_('ui.cancel')}
        </Button>
        <Button
          variant="danger"
          onClick={() => {
            onClose();
            void vault.forget();
          }}
        >
          {_('auth.forget')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
