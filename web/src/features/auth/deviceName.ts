import { useLingui } from '@lingui/react';
import { deviceWords } from '../../core/device';

/** What this browser is called in the list of sessions, which this person alone sees. */
export function useDeviceName(): () => string {
  const { _ } = useLingui();
  return () => {
    const { browser, system } = deviceWords();
    if (!browser || !system) return browser ?? system ?? _('auth.someDevice');
    return _('auth.deviceName', { browser, system });
  };
}
