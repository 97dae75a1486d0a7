import { useLingui } from '@lingui/react';
import { Logo } from './Logo';
import { QrCode } from './QrCode';

/** The page to keep like a house key. White in both themes; prints alone. */
export function RecoveryKitCard({
  groups,
  owner,
  host,
  made,
}: {
  groups: readonly string[];
  owner: string;
  host: string;
  made: string;
}) {
  const { _ } = useLingui();
  return (
    <section
      data-print
      data-theme="light"
      aria-label={_('ui.kitTitle')}
      className="rounded-lg bg-white p-5 text-text shadow-2 md:p-8 forced:border"
    >
      <header className="flex items-center gap-3 border-b border-divider pb-5">
        <Logo size={32} />
        <div>
          <h2 className="text-17">{_('ui.kitTitle')}</h2>
          <p className="text-13 text-text-2">{_('ui.kitOwner', { owner, host, made })}</p>
        </div>
      </header>
      <div className="flex flex-wrap items-center justify-between gap-6 border-b border-divider py-6">
        <div>
          <p className="mb-2 text-13 font-medium text-text-2">{_('ui.kitKey')}</p>
          <ol className="grid grid-cols-2 gap-x-6 gap-y-3 xs:grid-cols-4">
            {groups.map((group, index) => (
              <li key={index}>
                <span aria-hidden className="block text-12 text-text-2">
                  {index + 1}
                </span>
                <span className="code-text text-20 font-semibold md:text-24">{group}</span>
              </li>
            ))}
          </ol>
        </div>
        <QrCode text={groups.join('')} label={_('ui.kitQr')} className="size-40 border-0 p-0" />
      </div>
      <div className="grid gap-4 pt-5 text-13 md:grid-cols-2">
        <p className="text-text-2">
          <b className="block font-semibold text-text">{_('ui.kitKeepTitle')}</b>
          {_('ui.kitKeep')}
        </p>
        <p className="text-text-2">
          <b className="block font-semibold text-text">{_('ui.kitUseTitle')}</b>
          {_('ui.kitUse', { host })}
        </p>
      </div>
    </section>
  );
}
