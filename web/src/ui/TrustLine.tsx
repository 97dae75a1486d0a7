import { useLingui } from '@lingui/react';
import { KeyRound, OctagonAlert } from 'lucide-react';
import { classes } from './classes';

export type TrustState = 'verified' | 'unverified' | 'establishing' | 'new_identity' | 'frozen';

/** Says how the conversation is protected, in one sentence. Colour only when something changed. */
export function TrustLine({
  state,
  since,
  className,
}: {
  state: TrustState;
  since?: string;
  className?: string;
}) {
  const { _ } = useLingui();
  const changed = state === 'new_identity' || state === 'frozen';
  const Icon = state === 'frozen' ? OctagonAlert : KeyRound;
  const words = {
    verified: () => _('ui.trustVerified'),
    unverified: () => _('ui.trustUnverified'),
    establishing: () => _('ui.trustEstablishing'),
    new_identity: () => _('ui.trustNewIdentity', { since: since ?? '' }),
    frozen: () => _('ui.trustFrozen', { since: since ?? '' }),
  };
  return (
    <span
      className={classes(
        'flex min-w-0 items-center gap-1 text-13',
        changed ? 'text-warning' : 'text-text-2',
        className,
      )}
    >
      {changed && <Icon size={14} strokeWidth={2.1} aria-hidden className="shrink-0" />}
      <span className="truncate">{words[state]()}</span>
    </span>
  );
}
