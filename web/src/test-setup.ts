import { i18n } from '@lingui/core';
import { cleanup } from '@testing-library/react';
import { afterEach, beforeEach } from 'vitest';
import { messages } from './locales/en.po';

// Components speak English in tests, unless a test says otherwise.
beforeEach(() => i18n.loadAndActivate({ locale: 'en', messages }));
afterEach(() => {
  if (typeof document !== 'undefined') cleanup();
});
