import { useLingui } from '@lingui/react';
import { HardDrive } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useVault } from '../../core/hooks';
import type { BootFailure } from '../../core/state';
import { Button } from '../../ui/Button';
import { Logo } from '../../ui/Logo';
import { Spinner } from '../../ui/Spinner';
import { Forget } from './Forget';

/** While the encrypted store opens; silent for the first moment, so that a quick start does not flash. */
export function Starting() {
  const { _ } = useLingui();
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return (
    <main className="grid min-h-dvh place-items-center">
      <div
        role="status"
        className={slow ? 'flex animate-fade flex-col items-center gap-4 text-text-2' : 'sr-only'}
      >
        <Logo size={56} />
        <Spinner />
        <span className="text-13">{_('boot.opening')}</span>
      </div>
    </main>
  );
}

/** The store did not open. Explains why, offers what can be done, and deletes nothing by itself. */
export function BootFailed({ kind }: { kind: BootFailure }) {
  const { _ } = useLingui();
  const vault = useVault();
  const [forgetting, setForgetting] = useState(false);
  const texts = useFailureTexts();
  const { title, detail, erasable, memory, reload } = texts(kind);
  return (
    <main className="flex min-h-dvh flex-col px-5 py-6 md:p-12">
      <div className="flex items-center gap-3 text-17 font-semibold">
        <Logo />
        SecureChat
      </div>
      <div role="alert" className="m-auto w-full max-w-140 py-8">
        <HardDrive size={32} strokeWidth={1.5} aria-hidden className="mb-4 text-warning" />
        <h1 className="text-24 tracking-tight">{title}</h1>
        <p className="mt-2 text-text-2">{detail}</p>
        <p className="mt-2 text-text-2">{_('boot.nothingDeleted')}</p>
        <div className="mt-6 flex gap-3 max-md:flex-col md:flex-wrap">
          <Button size="lg" onClick={() => (reload ? location.reload() : void vault.retry())}>
            {reload ? _('boot.reload') : _('boot.tryAgain')}
          </Button>
          {memory && (
            <Button size="lg" variant="outline" onClick={() => void vault.useMemory()}>
              {_('boot.useMemory')}
            </Button>
          )}
          {erasable && (
            <Button size="lg" variant="danger-text" onClick={() => setForgetting(true)}>
              {_('boot.startOver')}
            </Button>
          )}
        </div>
      </div>
      <Forget open={forgetting} onClose={() => setForgetting(false)} />
    </main>
  );
}

interface FailureText {
  title: string;
  detail: string;
  erasable?: boolean;
  memory?: boolean;
  reload?: boolean;
}

function useFailureTexts(): (kind: BootFailure) => FailureText {
  const { _ } = useLingui();
  return (kind) => {
    switch (kind) {
      case 'locked_by_another':
        return { title: _('boot.lockedTitle'), detail: _('boot.lockedDetail') };
      case 'wrong_key':
        return { title: _('boot.wrongKeyTitle'), detail: _('boot.wrongKeyDetail'), erasable: true };
      case 'key_missing':
        return { title: _('boot.keyMissingTitle'), detail: _('boot.keyMissingDetail'), erasable: true };
      case 'evicted':
        return { title: _('boot.evictedTitle'), detail: _('boot.evictedDetail'), erasable: true };
      case 'full':
        return { title: _('boot.fullTitle'), detail: _('boot.fullDetail') };
      case 'no_storage':
        return { title: _('boot.noStorageTitle'), detail: _('boot.noStorageDetail'), memory: true };
      case 'too_new':
        return { title: _('boot.tooNewTitle'), detail: _('boot.tooNewDetail'), reload: true };
      case 'corrupt':
        return { title: _('boot.corruptTitle'), detail: _('boot.corruptDetail'), erasable: true };
      case 'crashed':
        return { title: _('boot.crashedTitle'), detail: _('boot.crashedDetail'), reload: true };
    }
  };
}
