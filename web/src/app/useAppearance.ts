import { useEffect } from 'react';
import { heldTheme, holdTheme } from '../core/early';
import type { Settings } from '../core/generated/Settings';
import { activateLanguage, chooseLanguage } from './i18n';

/** Puts theme, accent, density and language on the page; until the settings can be read, the theme shown last. */
export function useAppearance(settings: Settings | undefined): void {
  const chosen = settings?.theme;
  const theme = chosen ?? heldTheme();
  const accent = settings?.accent ?? 'both';
  const density = settings?.density ?? 'comfortable';
  useEffect(() => {
    if (chosen !== undefined) holdTheme(chosen);
  }, [chosen]);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
      const shown = theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme;
      const page = document.documentElement;
      page.dataset['theme'] = shown;
      page.dataset['accent'] = accent;
      page.dataset['density'] = density;
      document
        .querySelector('meta[name="theme-color"]')
        ?.setAttribute('content', shown === 'dark' ? '#12151F' : '#ECEFF1');
    };
    apply();
    dark.addEventListener('change', apply);
    return () => dark.removeEventListener('change', apply);
  }, [theme, accent, density]);

  const language = settings?.language;
  useEffect(() => {
    if (language === undefined) return;
    void activateLanguage(chooseLanguage(language === '' ? navigator.languages : [language]));
  }, [language]);
}
