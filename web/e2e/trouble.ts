/** The screens of what went wrong: storage, account, network. Each is brought about for real (ruins.ts). */
import { expect, type Page } from '@playwright/test';
import { isShown, type Cast, type Screen } from './cast';
import { type Ruin, ruin } from './ruins';
import { text } from './texts';

const ruins: Record<Ruin, string> = {
  locked_by_another: 'boot.lockedTitle',
  too_new: 'boot.tooNewTitle',
  key_missing: 'boot.keyMissingTitle',
  wrong_key: 'boot.wrongKeyTitle',
  corrupt: 'boot.corruptTitle',
  full: 'storage.full',
  crashed: 'boot.crashedTitle',
  evicted: 'boot.evictedTitle',
};

const storage: Screen[] = Object.entries(ruins).map(([kind, title]) => ({
  name: `boot-${kind.replaceAll('_', '-')}`,
  route: '/',
  who: 'unlucky',
  arrange: async (page, cast) => {
    if (await isShown(page, title)) return;
    const { browser } = await cast.repair();
    await ruin(browser, kind as Ruin);
  },
  shows: () => text(title),
}));

/** What happened before a screen of this table stays: they are walked in this order, after all others. */
export const troubles: Screen[] = [
  ...storage,
  {
    name: 'start-over',
    route: '/',
    who: 'unlucky',
    // Behind it stands the store that was evicted.
    arrange: async (page) => {
      if (await isShown(page, 'auth.forgetTitle')) return;
      await page.getByRole('button', { name: text('boot.startOver') }).click();
    },
    shows: () => text('auth.forgetTitle'),
  },
  {
    name: 'boot-no-storage',
    route: '/',
    who: 'forgetful',
    shows: () => text('boot.noStorageTitle'),
  },
  {
    name: 'memory',
    route: '/',
    who: 'forgetful',
    arrange: async (page, cast) => {
      if (await isShown(page, 'notice.memory')) return;
      await page.getByRole('button', { name: text('boot.useMemory') }).click();
      await cast.people.forgetful.signUp();
    },
    shows: () => text('notice.memory'),
  },
  {
    name: 'stale-copy',
    route: '/',
    who: 'unlucky',
    arrange: async (page, cast) => {
      if (await isShown(page, 'auth.staleTitle')) return;
      const person = await cast.repair();
      await person.addByHandle('bob');
      await person.send('Hello bob');
      await person.seesState('Hello bob', 'Sent');
      await cast.repair();
    },
    shows: () => text('auth.staleTitle'),
  },
  {
    name: 'offline',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page, cast) => {
      await cast.world.relay.stop();
      await reopen(page, cast);
    },
    shows: () => text('notice.offline'),
  },
  {
    name: 'removed',
    route: '/',
    who: 'alice',
    arrange: async (page, cast) => {
      if (await isShown(page, 'auth.removedTitle')) return;
      await cast.world.relay.stop();
      cast.world.relay.forget();
      await cast.world.relay.start();
      await reopen(page, cast);
      await expect(page.getByText(text('auth.removedTitle'))).toBeVisible({ timeout: 60_000 });
    },
    shows: () => text('auth.removedTitle'),
  },
];

async function reopen(page: Page, cast: Cast): Promise<void> {
  await page.goto(`${cast.world.relay.url}/#/`).catch(() => {
    // Without a network the service worker answers, or what is open stays.
  });
}
