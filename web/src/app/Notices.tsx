import { useLingui } from '@lingui/react';
import { ClockAlert, CloudOff, HardDrive, LogIn, RefreshCw } from 'lucide-react';
import { useState } from 'react';
import type { AccountView } from '../core/generated/AccountView';
import { useCore, useQuery } from '../core/hooks';
import { applyUpdate } from '../core/serviceWorker';
import { LogIn as LogInScreen } from '../features/auth/LogIn';
import { Banner } from '../ui/Banner';
import { Button } from '../ui/Button';

/** Strips above the chat list: one line each, what is different and what happens next. Never a dialog. */
export function Notices({ account }: { account: AccountView }) {
  const { _ } = useLingui();
  const { boot, updateReady } = useCore();
  const storage = useQuery({ type: 'storage' });
  const [loggingIn, setLoggingIn] = useState(false);
  if (loggingIn && account.state === 'signed_out')
    return (
      <div className="fixed inset-0 z-30 overflow-y-auto bg-bg">
        <LogInScreen onDone={() => setLoggingIn(false)} />
      </div>
    );
  return (
    <>
      {account.state === 'signed_out' && (
        <Banner
          icon={LogIn}
          title={_('notice.signedOut')}
          action={
            <Button size="sm" variant="outline" onClick={() => setLoggingIn(true)}>
              {_('auth.logIn')}
            </Button>
          }
        >
          {_('notice.signedOutDetail')}
        </Banner>
      )}
      {account.state === 'ready' && account.connection === 'offline' && (
        <Banner icon={CloudOff} title={_('notice.offline')}>
          {_('notice.offlineDetail')}
        </Banner>
      )}
      {account.state === 'ready' &&
        (account.connection === 'connecting' || account.connection === 'catching_up') && (
          <p role="status" className="px-5 pb-2 text-13 text-text-2">
            {account.connection === 'connecting' ? _('notice.connecting') : _('notice.catchingUp')}
          </p>
        )}
      {boot.state === 'ready' && !boot.persistent && (
        <Banner icon={HardDrive} tone="danger">
          {_('notice.memory')}
        </Banner>
      )}
      {storage?.type === 'storage' && storage.read_only && (
        <Banner icon={HardDrive} tone="danger">
          {_('storage.full')}
        </Banner>
      )}
      {account.clock_ahead_ms !== null && <Banner icon={ClockAlert}>{_('notice.clock')}</Banner>}
      {updateReady && (
        <Banner
          icon={RefreshCw}
          tone="info"
          action={
            <Button size="sm" variant="outline" onClick={() => void applyUpdate()}>
              {_('notice.updateNow')}
            </Button>
          }
        >
          {_('notice.update')}
        </Banner>
      )}
    </>
  );
}
