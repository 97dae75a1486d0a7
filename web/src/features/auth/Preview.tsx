import { useLingui } from '@lingui/react';
import { Avatar } from '../../ui/Avatar';
import { Bubble } from '../../ui/Bubble';
import { TrustLine } from '../../ui/TrustLine';

/** What a conversation looks like, drawn with the real components. An illustration, hidden from screen readers. */
export function Preview() {
  const { _ } = useLingui();
  return (
    <div aria-hidden inert className="hidden items-center justify-center overflow-hidden bg-bg p-12 md:flex">
      <div className="w-full max-w-130 overflow-hidden rounded-lg bg-bg shadow-3">
        <div className="flex items-center gap-3 border-b border-divider bg-surface px-5 py-3">
          <Avatar name={_('auth.previewName')} seed={4} size={40} />
          <div>
            <div className="font-semibold">{_('auth.previewName')}</div>
            <TrustLine state="verified" />
          </div>
        </div>
        <div className="flex flex-col gap-1 p-5">
          <div className="flex">
            <Bubble direction="in" position="start" text={_('auth.preview1')} />
          </div>
          <div className="flex">
            <Bubble direction="in" position="end" text={_('auth.preview2')} time="18:40" />
          </div>
          <div className="mt-2 flex justify-end pb-5">
            <Bubble
              direction="out"
              position="only"
              text={_('auth.preview3')}
              time="18:42"
              tick="read"
              reactions={[{ emoji: '🙌', by: '', mine: false, count: 1 }]}
            />
          </div>
          <div className="flex justify-end">
            <Bubble direction="out" position="only" text={_('auth.preview4')} time="18:43" tick="delivered" />
          </div>
        </div>
      </div>
    </div>
  );
}
