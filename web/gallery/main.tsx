import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { createRoot } from 'react-dom/client';
import { App } from '../src/app/App';
import { activateLanguage } from '../src/app/i18n';
import { CoreProvider } from '../src/core/CoreProvider';
import type { CoreState } from '../src/core/state';
import '../src/ui/theme.css';
import { standInClient } from './client';
import { account, answer, settings } from './fixtures';

/** `?state=...&theme=dark&accent=green&language=de&density=compact#/route` chooses what is drawn. */
const params = new URLSearchParams(location.search);
const state = params.get('state') ?? '';

Object.assign(settings, {
  theme: params.get('theme') ?? 'light',
  accent: params.get('accent') ?? 'both',
  density: params.get('density') ?? 'comfortable',
  language: params.get('language') ?? 'en',
});
if (state === 'none') account.state = 'none';
if (state === 'removed') account.state = 'removed';
if (state === 'signed_out') account.state = 'signed_out';
if (state === 'offline') account.connection = 'offline';

const core: Partial<CoreState> =
  state === 'locked'
    ? { boot: { state: 'locked' }, vault: { protection: 'passphrase', unlocked: false, autoLockMinutes: 0 } }
    : state.startsWith('failed:')
      ? { boot: { state: 'failed', kind: state.slice(7) as 'corrupt' } }
      : state === 'starting'
        ? { boot: { state: 'starting' } }
        : {};

const { client } = standInClient((query) => answer(query, state === 'empty'), { core });
const root = document.getElementById('root');
if (root)
  void activateLanguage(settings.language === 'de' ? 'de' : 'en').then(() =>
    createRoot(root).render(
      <I18nProvider i18n={i18n}>
        <CoreProvider client={client}>
          <App invite={null} />
        </CoreProvider>
      </I18nProvider>,
    ),
  );
