import { useLingui } from '@lingui/react';
import { ArrowDown } from 'lucide-react';
import { Badge } from './Badge';

/** Goes to the newest message; tells how many arrived meanwhile. */
export function JumpButton({ count, onPress }: { count: number; onPress: () => void }) {
  const { _ } = useLingui();
  return (
    <button
      type="button"
      onClick={onPress}
      aria-label={count > 0 ? _('ui.jumpWithCount', { count }) : _('ui.jumpToLatest')}
      className="absolute end-4 bottom-4 z-2 grid size-11 animate-fade place-items-center rounded-full bg-raised text-text-2 shadow-2 hover:text-text md:end-6 forced:border"
    >
      <ArrowDown size={20} strokeWidth={1.75} aria-hidden />
      {count > 0 && (
        <span className="absolute -top-2">
          <Badge count={count} />
        </span>
      )}
    </button>
  );
}
