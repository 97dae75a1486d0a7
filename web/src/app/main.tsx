import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import '../ui/theme.css';
import { Logo } from '../ui/Logo';
import { activateLanguage, chooseLanguage } from './i18n';

async function start(): Promise<void> {
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root element');
  await activateLanguage(chooseLanguage(navigator.languages));
  createRoot(root).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <Logo name={i18n._('app.name')} />
      </I18nProvider>
    </StrictMode>,
  );
}

void start();
