import type { Settings } from '../../core/generated/Settings';
import { useCommand, useQuery } from '../../core/hooks';
import { useRefusalText } from '../../ui/refusals';
import { useToasts } from '../../ui/toasts';

/** The settings as the engine keeps them, and a way to change some of them. */
export function useSettings(): {
  settings: Settings | undefined;
  change: (part: Partial<Settings>) => void;
} {
  const view = useQuery({ type: 'settings' });
  const command = useCommand();
  const refusalText = useRefusalText();
  const showToast = useToasts((state) => state.show);
  const settings = view?.type === 'settings' ? view.settings : undefined;
  return {
    settings,
    change: (part) => {
      if (!settings) return;
      void command({ type: 'update_settings', settings: { ...settings, ...part } }).then((result) => {
        if (result.type === 'err') showToast({ text: refusalText(result.refusal.code) });
      });
    },
  };
}
