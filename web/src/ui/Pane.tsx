import { useLingui } from '@lingui/react';
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';
import { IconButton } from './IconButton';

/** Top of the list pane: a title and what can be done. */
export function PaneHeader({
  title,
  onBack,
  children,
}: {
  title: string;
  onBack?: () => void;
  children?: ReactNode;
}) {
  const { _ } = useLingui();
  return (
    <header
      className={classes(
        'flex h-(--header-h) shrink-0 items-center gap-1 pe-2 md:pe-3',
        onBack ? 'ps-2 md:ps-3' : 'ps-5',
      )}
    >
      {onBack && (
        <IconButton icon={ArrowLeft} label={_('ui.back')} onClick={onBack} className="rtl:rotate-180" />
      )}
      <h1 className="min-w-0 flex-1 truncate text-20 tracking-tight max-md:text-24">{title}</h1>
      {children}
    </header>
  );
}

/** A page of settings or details: 680 wide, centred, scrolls on its own. */
export function Page({
  title,
  lead,
  onBack,
  alwaysBack,
  children,
}: {
  title: string;
  lead?: ReactNode;
  onBack?: () => void;
  /** Wide screens have the list beside the page; without it they need the arrow too. */
  alwaysBack?: boolean;
  children: ReactNode;
}) {
  const { _ } = useLingui();
  return (
    <div
      tabIndex={0}
      className="min-h-0 flex-1 overflow-y-auto px-4 pt-3 pb-8 -outline-offset-2 md:px-10 md:py-8"
    >
      <div className="mx-auto max-w-170">
        <div className="flex items-center gap-1">
          {onBack && (
            <IconButton
              icon={ArrowLeft}
              label={_('ui.back')}
              onClick={onBack}
              className={classes('-ms-2 rtl:rotate-180', !alwaysBack && 'md:hidden')}
            />
          )}
          <h1 className="text-20 tracking-tight md:text-24">{title}</h1>
        </div>
        {lead && <p className="mt-2 max-w-150 text-balance text-text-2">{lead}</p>}
        {children}
      </div>
    </div>
  );
}

/** One part of a page under its own heading. */
export function Section({
  title,
  description,
  children,
}: {
  title?: string;
  description?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="mt-7">
      {title && <h2 className="mb-2 text-15">{title}</h2>}
      {description && <p className="-mt-1 mb-3 text-13 text-text-2">{description}</p>}
      {children}
    </section>
  );
}
