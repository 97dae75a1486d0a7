import { useLingui } from '@lingui/react';
import { MonitorOff } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../ui/Button';
import { Logo } from '../../ui/Logo';
import { Forget } from './Forget';

/** This browser may not take part any more; what it holds stays until the person decides. */
export function AccountTrouble({ kind, onRead }: { kind: 'removed' | 'stale_copy'; onRead: () => void }) {
  const { _ } = useLingui();
  const [forgetting, setForgetting] = useState(false);
  const removed = kind === 'removed';
  return (
    <main className="flex min-h-dvh flex-col px-5 py-6 md:p-12">
      <div className="flex items-center gap-3 text-17 font-semibold">
        <Logo />
        SecureChat
      </div>
      <div className="m-auto w-full max-w-140 py-8">
        <MonitorOff size={32} strokeWidth={1.5} aria-hidden className="mb-4 text-warning" />
        <h1 className="text-24 tracking-tight">{removed ? _('auth.removedTitle') : _('auth.staleTitle')}</h1>
        <p className="mt-2 text-text-2">{removed ? _('auth.removedText') : _('auth.staleText')}</p>
        <div className="mt-6 flex gap-3 max-md:flex-col md:flex-wrap">
          <Button size="lg" onClick={onRead}>
            {_('auth.readChats')}
          </Button>
          <Button size="lg" variant="danger-text" onClick={() => setForgetting(true)}>
            {_('auth.forget')}
          </Button>
        </div>
      </div>
      <Forget open={forgetting} onClose={() => setForgetting(false)} />
    </main>
  );
}
