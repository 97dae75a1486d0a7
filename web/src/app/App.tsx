import { useLingui } from '@lingui/react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { HashRouter, Navigate, Route, Routes, useNavigate } from 'react-router';
import { forgetEarly } from '../core/early';
import type { AccountView } from '../core/generated/AccountView';
import { useCore, useQuery } from '../core/hooks';
import { AccountTrouble } from '../features/auth/AccountTrouble';
import { BootFailed, Starting } from '../features/auth/BootScreen';
import { LogIn } from '../features/auth/LogIn';
import { SignUp } from '../features/auth/SignUp';
import { Unlock } from '../features/auth/Unlock';
import { Welcome } from '../features/auth/Welcome';
import { ServerPage } from '../features/settings/ServerPage';
import { ToastRegion } from '../ui/Toast';
import { useToasts } from '../ui/toasts';
import { activateLanguage, chooseLanguage, languages, type Language } from './i18n';
import { PageTitle } from './PageTitle';
import { useAppearance } from './useAppearance';

const loadSignedIn = () => import('./SignedIn');
const SignedIn = lazy(() => loadSignedIn().then((module) => ({ default: module.SignedIn })));

/** Where the app is served from; the relay of this account. */
const host = location.host;

/** Decides by the core's state what can be shown at all. `invite` is the link the app was opened with. */
export function App({ invite }: { invite: string | null }) {
  const { boot } = useCore();
  const settings = useQuery(boot.state === 'ready' ? { type: 'settings' } : null);
  const { toasts, gone, settle, drop } = useToasts();
  useAppearance(settings?.type === 'settings' ? settings.settings : undefined);
  const usable = boot.state === 'ready';
  useEffect(() => {
    if (!usable) drop();
  }, [usable, drop]);
  useEffect(() => {
    // Before the core hears that the page leaves.
    window.addEventListener('pagehide', settle, { capture: true });
    return () => window.removeEventListener('pagehide', settle, { capture: true });
  }, [settle]);
  return (
    <HashRouter>
      <PageTitle />
      {boot.state === 'starting' && <Starting />}
      {boot.state === 'locked' && <Unlock />}
      {boot.state === 'failed' && <BootFailed kind={boot.kind} />}
      {boot.state === 'ready' && <Ready invite={invite} />}
      <ToastRegion toasts={toasts} onGone={gone} />
    </HashRouter>
  );
}

function Ready({ invite }: { invite: string | null }) {
  const view = useQuery({ type: 'account' });
  const [waiting, setWaiting] = useState(invite);
  const [reading, setReading] = useState(false);
  const nobody = view?.type === 'account' && view.state === 'none';
  useEffect(() => {
    if (nobody) forgetEarly();
  }, [nobody]);
  if (view?.type !== 'account') return <Starting />;
  const shown = screenOf(view, reading);
  switch (shown) {
    case 'welcome':
      return <BeforeAccount invited={waiting !== null} />;
    case 'removed':
    case 'stale_copy':
      return <AccountTrouble kind={shown} onRead={() => setReading(true)} />;
    case 'chats':
      return (
        <Suspense fallback={<Starting />}>
          <SignedIn account={view} host={host} invite={waiting} onInviteUsed={() => setWaiting(null)} />
        </Suspense>
      );
  }
}

type Screen = 'welcome' | 'removed' | 'stale_copy' | 'chats';

function screenOf(account: AccountView, reading: boolean): Screen {
  switch (account.state) {
    case 'none':
    case 'signing_up':
      return 'welcome';
    case 'ready':
    case 'signed_out':
      return 'chats';
    case 'removed':
    case 'stale_copy':
      return reading ? 'chats' : account.state;
  }
}

function BeforeAccount({ invited }: { invited: boolean }) {
  const navigate = useNavigate();
  // While the person types, what comes next is fetched.
  useEffect(() => void loadSignedIn(), []);
  const toChats = () => void navigate(invited ? '/add' : '/', { replace: true });
  return (
    <Routes>
      <Route
        path="/"
        element={<Welcome host={host} languagePicker={<LanguagePicker />} invited={invited} />}
      />
      <Route path="/signup" element={<SignUp onDone={toChats} />} />
      <Route path="/login" element={<LogIn onDone={toChats} />} />
      <Route
        path="/server"
        element={
          <main className="flex h-dvh flex-col">
            <ServerPage host={host} onBack={() => void navigate('/')} alwaysBack />
          </main>
        }
      />
      <Route path="*" element={<Navigate to="/" replace />} />
    </Routes>
  );
}

const languageNames: Record<Language, string> = { en: 'English', de: 'Deutsch' };

/** Before there is an account, the choice lasts until the page is left. */
function LanguagePicker() {
  const { _, i18n } = useLingui();
  return (
    <label className="flex items-center gap-2">
      <span className="sr-only">{_('settings.language')}</span>
      <select
        value={chooseLanguage([i18n.locale])}
        onChange={(event) => void activateLanguage(event.target.value as Language)}
        className="min-h-10 rounded-md bg-transparent px-2 text-13 text-text-2 md:min-h-8"
      >
        {languages.map((language) => (
          <option key={language} value={language} lang={language}>
            {languageNames[language]}
          </option>
        ))}
      </select>
    </label>
  );
}
