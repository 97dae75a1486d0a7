import { useLingui } from '@lingui/react';
import { Laptop } from 'lucide-react';
import type { ReactNode } from 'react';

/** One signed-in device: what it is called, when it was used, what can be done about it. */
export function DeviceCard({
  name,
  detail,
  current,
  action,
}: {
  name: string;
  detail: string;
  current: boolean;
  action?: ReactNode;
}) {
  const { _ } = useLingui();
  return (
    <div className="flex min-h-16 items-center gap-4 px-4 py-3 md:px-5">
      <span
        className={`grid size-10 shrink-0 place-items-center rounded-md ${current ? 'bg-primary-tint text-primary-text' : 'bg-hover text-text-2'}`}
      >
        <Laptop size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-2 font-semibold">
          <span className="wrap-anywhere">{name}</span>
          {current && (
            <span className="rounded-sm bg-primary-tint px-2 text-12 leading-5 font-medium text-primary-text">
              {_('ui.thisDevice')}
            </span>
          )}
        </div>
        <div className="text-13 text-text-2">{detail}</div>
      </div>
      {action}
    </div>
  );
}
