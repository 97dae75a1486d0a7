/** Gives the screens below it the one core of this page. */
import { createContext, type ReactNode, useContext } from 'react';
import { CoreClient } from './client';
import { showNotice } from './notifications';
import { registerServiceWorker } from './serviceWorker';

const CoreContext = createContext<CoreClient | null>(null);

let page: CoreClient | null = null;

/** Starts the core when it is first drawn; the core outlives React. */
function pageCore(): CoreClient {
  if (!page) {
    page = new CoreClient((notice) => void showNotice(notice));
    page.start();
    registerServiceWorker(page.updateIsReady);
  }
  return page;
}

export function CoreProvider({ children, client }: { children: ReactNode; client?: CoreClient }) {
  return <CoreContext value={client ?? pageCore()}>{children}</CoreContext>;
}

export function useClient(): CoreClient {
  const client = useContext(CoreContext);
  if (!client) throw new Error('useClient needs a CoreProvider above it');
  return client;
}
