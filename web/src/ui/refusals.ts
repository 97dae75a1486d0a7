import { useLingui } from '@lingui/react';

/** The stable codes with which an action can be refused. */
export type RefusalWord =
  | 'invalid'
  | 'handle_invalid'
  | 'password_too_short'
  | 'handle_taken'
  | 'wrong_credentials'
  | 'sign_up_closed'
  | 'no_account'
  | 'account_exists'
  | 'device_not_linked'
  | 'password_needed'
  | 'not_found'
  | 'own_account'
  | 'blocked'
  | 'new_identity'
  | 'frozen'
  | 'not_author'
  | 'not_accepted'
  | 'too_long'
  | 'rate_limited'
  | 'quota_exceeded'
  | 'offline'
  | 'server_failed'
  | 'storage_full'
  | 'internal';

/** Says in plain words why something did not happen, and what to do. */
export function useRefusalText(): (code: RefusalWord, retryAfterSeconds?: number | null) => string {
  const { _ } = useLingui();
  return (code, retryAfterSeconds) => {
    switch (code) {
      case 'invalid':
        return _('refusal.invalid');
      case 'handle_invalid':
        return _('refusal.handleInvalid');
      case 'password_too_short':
        return _('refusal.passwordTooShort');
      case 'handle_taken':
        return _('refusal.handleTaken');
      case 'wrong_credentials':
        return _('refusal.wrongCredentials');
      case 'sign_up_closed':
        return _('refusal.signUpClosed');
      case 'no_account':
        return _('refusal.noAccount');
      case 'account_exists':
        return _('refusal.accountExists');
      case 'device_not_linked':
        return _('refusal.deviceNotLinked');
      case 'password_needed':
        return _('refusal.passwordNeeded');
      case 'not_found':
        return _('refusal.notFound');
      case 'own_account':
        return _('refusal.ownAccount');
      case 'blocked':
        return _('refusal.blocked');
      case 'new_identity':
        return _('refusal.newIdentity');
      case 'frozen':
        return _('refusal.frozen');
      case 'not_author':
        return _('refusal.notAuthor');
      case 'not_accepted':
        return _('refusal.notAccepted');
      case 'too_long':
        return _('refusal.tooLong');
      case 'rate_limited':
        return _('refusal.rateLimited', { minutes: Math.max(1, Math.ceil((retryAfterSeconds ?? 60) / 60)) });
      case 'quota_exceeded':
        return _('refusal.quotaExceeded');
      case 'offline':
        return _('refusal.offline');
      case 'server_failed':
        return _('refusal.serverFailed');
      case 'storage_full':
        return _('refusal.storageFull');
      case 'internal':
        return _('refusal.internal');
    }
  };
}
