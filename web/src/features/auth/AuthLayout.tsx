import { useLingui } from '@lingui/react';
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Logo } from '../../ui/Logo';
import { Preview } from './Preview';

/** The frame of every screen before the chats: the task at the start, a picture of the product beside it. */
export function AuthLayout({
  title,
  back,
  children,
  footer,
}: {
  title?: string;
  back?: string;
  children: ReactNode;
  footer?: ReactNode;
}) {
  const { _ } = useLingui();
  return (
    <div className="grid min-h-full md:grid-cols-2">
      <main className="flex min-h-dvh flex-col bg-surface px-5 py-6 md:px-12 md:py-12 xl:px-20">
        <div className="flex items-center gap-3 text-17 font-semibold">
          {back ? (
            <Link
              to={back}
              aria-label={_('ui.back')}
              className="-ms-2.5 grid size-10 place-items-center rounded-md text-text-2 hover:bg-hover"
            >
              <ArrowLeft size={20} strokeWidth={1.75} aria-hidden className="rtl:rotate-180" />
            </Link>
          ) : (
            <Logo />
          )}
          <span>{title ?? 'SecureChat'}</span>
        </div>
        <div className="my-auto w-full max-w-108 py-8">{children}</div>
        <footer className="text-13 text-text-2">{footer}</footer>
      </main>
      <Preview />
    </div>
  );
}
