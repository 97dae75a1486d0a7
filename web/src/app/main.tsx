import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { CoreProvider } from '../core/CoreProvider';
import { takeInviteFromAddress } from '../core/links';
import '../ui/theme.css';
import { App } from './App';
import { activateLanguage, chooseLanguage } from './i18n';

async function start(): Promise<void> {
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root element');
  // Before the router reads the address: an invite stands where routes stand, and must leave the history at once.
  const invite = takeInviteFromAddress();
  await activateLanguage(chooseLanguage(navigator.languages));
  createRoot(root).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <CoreProvider>
          <App invite={invite} />
        </CoreProvider>
      </I18nProvider>
    </StrictMode>,
  );
}

void start();
