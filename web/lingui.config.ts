import { formatter } from '@lingui/format-po';
import { defineConfig } from '@lingui/cli';

export default defineConfig({
  sourceLocale: 'en',
  locales: ['en', 'de'],
  fallbackLocales: { default: 'en' },
  // Every id is written by hand as `feature.key`, hence never a hash of its text.
  format: formatter({ explicitIdAsDefault: true, lineNumbers: false }),
  catalogs: [{ path: '<rootDir>/src/locales/{locale}', include: ['src'] }],
});
