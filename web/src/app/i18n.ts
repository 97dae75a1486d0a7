import { i18n, type Messages } from '@lingui/core';

/** Languages the product is complete in; the first is the fallback. */
export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];

const catalogues: Record<Language, () => Promise<{ messages: Messages }>> = {
  en: () => import('../locales/en.po'),
  de: () => import('../locales/de.po'),
};

/** Picks the first language we have out of `wanted` (BCP 47 tags, best first). */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = languages.find((language) => tag.toLowerCase().split('-')[0] === language);
    if (found) return found;
  }
  return languages[0];
}

/** Loads a catalogue and switches every text on the page to it. */
export async function activateLanguage(language: Language): Promise<void> {
  const { messages } = await catalogues[language]();
  // The region of the browser decides how dates and times are written: 18:53 or 6:53 PM.
  const locale = navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === language) ?? language;
  i18n.loadAndActivate({ locale, messages });
  document.documentElement.lang = language;
}
