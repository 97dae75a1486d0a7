/**
 * Every screen and state of the app, reached through the product with data made through the product.
 * The accessibility test, the narrow-screen test and the screenshots all walk this one table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from '@playwright/test';
import { isShown, type Screen } from './cast';
import { text } from './texts';
import { troubles } from './trouble';

const settings: Screen[] = settingsPages().map((page) => ({
  name: `settings-${page}`,
  route: '/settings/:page?',
  who: 'alice',
  path: () => `/settings/${page}`,
  shows: () => text({ sessions: 'sessions.title', blocked: 'blocked.title' }[page] ?? `settings.${page}`),
}));

export const screens: Screen[] = [
  { name: 'welcome', route: '/', who: 'newcomer', path: () => '/', shows: () => text('auth.promise') },
  {
    name: 'sign-up',
    route: '/signup',
    who: 'newcomer',
    path: () => '/signup',
    shows: () => text('auth.signUpTitle'),
  },
  {
    name: 'sign-up-faults',
    route: '/signup',
    who: 'newcomer',
    path: () => '/signup',
    arrange: (page) => page.getByRole('button', { name: text('auth.createAccount') }).click(),
    shows: () => text('refusal.passwordTooShort'),
  },
  { name: 'log-in', route: '/login', who: 'newcomer', path: () => '/login', shows: () => text('auth.logIn') },
  {
    name: 'server-before-account',
    route: '/server',
    who: 'newcomer',
    path: () => '/server',
    shows: () => text('settings.server'),
  },
  { name: 'chats-empty', route: '/', who: 'lonely', path: () => '/', shows: () => text('chats.invite') },
  {
    name: 'add-contact',
    route: '/add',
    who: 'lonely',
    path: () => '/add',
    shows: () => text('contacts.yourLink'),
  },
  { name: 'chats', route: '/', who: 'alice', path: () => '/', shows: () => 'bob' },
  {
    name: 'log-out',
    route: '/settings/:page?',
    who: 'alice',
    path: () => '/settings/profile',
    arrange: (page) => page.getByRole('button', { name: text('settings.logOut') }).click(),
    shows: () => text('settings.logOutTitle'),
    dialog: true,
  },
  {
    name: 'search-nothing',
    route: '/',
    who: 'alice',
    path: () => '/',
    arrange: (page) => page.locator('[data-search] input').fill('no such words'),
    shows: () => text('search.none'),
  },
  {
    name: 'search',
    route: '/',
    who: 'alice',
    path: () => '/',
    arrange: (page) => page.locator('[data-search] input').fill('river'),
    shows: () => 'river',
  },
  {
    name: 'conversation',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    shows: () => 'At six, by the river',
  },
  {
    name: 'conversation-request',
    route: '/chats/:id',
    who: 'alice',
    path: ({ carol }) => `/chats/${carol}`,
    shows: () => text('chat.decline'),
  },
  {
    name: 'conversation-waiting',
    route: '/chats/:id',
    who: 'alice',
    path: ({ dave }) => `/chats/${dave}`,
    shows: () => text('chat.waitingForAccept', { name: 'dave' }),
  },
  {
    name: 'conversation-blocked',
    route: '/chats/:id',
    who: 'alice',
    path: ({ erin }) => `/chats/${erin}`,
    shows: () => text('chat.youBlocked', { name: 'erin' }),
  },
  {
    name: 'delete-message',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page) => {
      await page.getByRole('article', { name: 'At six, by the river' }).click({ button: 'right' });
      await page.getByRole('menuitem', { name: text('chat.delete') }).click();
    },
    shows: () => text('chat.deleteForEveryone'),
    dialog: true,
  },
  {
    name: 'message-menu',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: (page) => page.getByRole('article', { name: 'At six, by the river' }).click({ button: 'right' }),
    shows: () => text('chat.reply'),
  },
  {
    name: 'conversation-edit',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page) => {
      await page.getByRole('article', { name: 'At six, by the river' }).click({ button: 'right' });
      await page.getByRole('menuitem', { name: text('chat.edit') }).click();
    },
    shows: () => text('chat.editing'),
  },
  {
    name: 'search-here',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page) => {
      await expect(page.getByRole('article', { name: 'At six, by the river' })).toBeVisible();
      await page.keyboard.press('Control+f');
      await page.getByRole('searchbox', { name: text('chat.searchHere') }).fill('river');
    },
    shows: () => 'river',
  },
  {
    name: 'contact-info',
    route: '/chats/:id/info',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}/info`,
    shows: () => text('contacts.nickname'),
  },
  {
    name: 'message-details',
    route: '/chats/:id/message/:messageId',
    who: 'alice',
    path: ({ bob, message }) => `/chats/${bob}/message/${message}`,
    shows: () => text('details.title'),
  },
  {
    name: 'safety-number',
    route: '/chats/:id/verify',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}/verify`,
    shows: () => text('verify.number'),
  },
  {
    name: 'requests',
    route: '/requests',
    who: 'alice',
    path: () => '/requests',
    shows: () => text('chats.requests'),
  },
  { name: 'contacts', route: '/new', who: 'alice', path: () => '/new', shows: () => 'bob' },
  {
    name: 'contact',
    route: '/contacts/:id',
    who: 'alice',
    path: () => '/new',
    arrange: (page) => page.getByRole('link', { name: `${text('contacts.info')}: bob` }).click(),
    shows: () => text('contacts.nickname'),
  },
  {
    name: 'quick-switcher',
    route: '/',
    who: 'alice',
    path: () => '/',
    arrange: async (page) => {
      await expect(page.getByRole('button', { name: text('chats.new') })).toBeVisible();
      await page.keyboard.press('Control+k');
    },
    shows: () => 'bob',
    dialog: true,
  },
  {
    name: 'shortcuts',
    route: '/',
    who: 'alice',
    path: () => '/',
    arrange: async (page) => {
      await expect(page.getByRole('button', { name: text('chats.new') })).toBeVisible();
      await page.keyboard.press('Control+/');
    },
    shows: () => text('settings.shortcuts'),
    dialog: true,
  },
  {
    name: 'scan',
    route: '/add',
    who: 'alice',
    path: () => '/add',
    arrange: (page) => page.getByRole('button', { name: text('contacts.scan') }).click(),
    shows: () => text('media.cameraMissing'),
    dialog: true,
  },
  {
    name: 'passphrase',
    route: '/settings/:page?',
    who: 'alice',
    path: () => '/settings/privacy',
    arrange: (page) => page.getByRole('button', { name: text('privacy.setPassphrase') }).click(),
    shows: () => text('privacy.passphraseText'),
    dialog: true,
  },
  {
    name: 'settings',
    route: '/settings/:page?',
    who: 'alice',
    path: () => '/settings',
    shows: () => text('settings.privacy'),
  },
  ...settings,
];

/** The last ones: what they change stays. Each brings itself about again or finds it done. */
export const lastScreens: Screen[] = [
  {
    name: 'conversation-folded',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page) => {
      await expect(page.getByRole('article').last()).toBeVisible();
      if (await isShown(page, 'ui.readMore')) return;
      const sentence = 'The path follows the water for an hour, then climbs through the wood to the hut. ';
      await page
        .getByRole('textbox', { name: text('chat.placeholder', { name: 'bob' }) })
        .fill(sentence.repeat(60));
      await page.keyboard.press('Enter');
    },
    shows: () => text('ui.readMore'),
  },
  {
    name: 'signed-out',
    route: '/',
    who: 'lonely',
    arrange: async (page) => {
      if (await isShown(page, 'notice.signedOut')) return;
      await page.evaluate(() => (location.hash = '#/settings/profile'));
      await page.getByRole('button', { name: text('settings.logOut') }).click();
      await page
        .getByRole('alertdialog')
        .getByRole('button', { name: text('settings.logOut'), exact: true })
        .click();
      await expect(page.getByRole('alertdialog')).toHaveCount(0);
      await page.evaluate(() => (location.hash = '#/'));
    },
    shows: () => text('notice.signedOut'),
  },
  {
    name: 'unlock',
    route: '/',
    who: 'lonely',
    arrange: async (page) => {
      if (await isShown(page, 'auth.passphrase')) return;
      await page.evaluate(() => (location.hash = '#/settings/privacy'));
      await page.getByRole('button', { name: text('privacy.setPassphrase') }).click();
      for (const label of ['privacy.new', 'privacy.again']) {
        await page.getByLabel(text(label), { exact: true }).fill('correct horse battery');
      }
      await page.getByRole('button', { name: text('ui.save') }).click();
      await page.getByRole('button', { name: text('privacy.lock'), exact: true }).click();
    },
    shows: () => text('auth.passphrase'),
  },
  {
    name: 'unlock-wrong',
    route: '/',
    who: 'lonely',
    arrange: async (page) => {
      if (await isShown(page, 'auth.wrongPassphrase')) return;
      await page.getByLabel(text('auth.passphrase'), { exact: true }).fill('not the passphrase');
      await page.getByRole('button', { name: text('auth.unlock'), exact: true }).click();
    },
    shows: () => text('auth.wrongPassphrase'),
  },
  ...troubles,
];

/** Route patterns of the app that no row of the table stands for. */
export function missingRoutes(): string[] {
  const folder = new URL('../src/app/', import.meta.url);
  const sources = readdirSync(folder).filter((file) => file.endsWith('.tsx'));
  const routes = sources.flatMap((file) =>
    [...readFileSync(new URL(file, folder), 'utf8').matchAll(/path="([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  const covered = new Set([...screens, ...lastScreens].map((screen) => screen.route));
  return [...new Set(routes)].filter((route) => route !== '*' && !covered.has(route));
}

function settingsPages(): string[] {
  const source = readFileSync(new URL('../src/features/settings/pages.ts', import.meta.url), 'utf8');
  const list = /settingsPages = \[([^\]]+)\]/.exec(source)?.[1] ?? '';
  return [...list.matchAll(/'([a-z]+)'/g)].map((match) => match[1] ?? '');
}
