/**
 * Every screen and state of the app, reached through the product with data made through the product.
 * The accessibility test, the narrow-screen test and the screenshots all walk this one table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, type Page } from '@playwright/test';
import { Person, acquainted } from './person';
import { text } from './texts';
import type { World } from './world';

type Who = 'newcomer' | 'lonely' | 'alice';

/** Conversations and messages of alice, by what they show. */
interface Facts {
  bob: string;
  carol: string;
  dave: string;
  erin: string;
  message: string;
}

export interface Screen {
  name: string;
  /** The pattern in the app's route table. */
  route: string;
  who: Who;
  /** The address behind `#`; nothing for what is not reached by an address. */
  path?: (facts: Facts) => string;
  /** Brings the screen into its state, after the address was opened. */
  arrange?: (page: Page, cast: Cast) => Promise<void>;
  /** What must be readable before the picture is taken. */
  shows: (facts: Facts) => string;
}

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
  { name: 'chats-empty', route: '/', who: 'lonely', path: () => '/', shows: () => text('chats.emptyAll') },
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
      // What opens before the address was followed is closed by it.
      await expect(page.getByRole('button', { name: text('chats.new') })).toBeVisible();
      await page.keyboard.press('Control+k');
      await expect(page.getByRole('dialog')).toBeVisible();
    },
    shows: () => 'bob',
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
    name: 'offline',
    route: '/chats/:id',
    who: 'alice',
    path: ({ bob }) => `/chats/${bob}`,
    arrange: async (page, cast) => {
      await cast.world.relay.stop();
      await page.goto(`${cast.world.relay.url}/#/`).catch(() => {});
    },
    shows: () => text('notice.offline'),
  },
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

const settingsDetours = [
  { path: '/settings/about', shows: 'settings.about' },
  { path: '/settings/language', shows: 'settings.language' },
];
const detours: Record<Who, { path: string; shows: string }[]> = {
  newcomer: [
    { path: '/server', shows: 'settings.server' },
    { path: '/login', shows: 'auth.logIn' },
  ],
  lonely: settingsDetours,
  alice: settingsDetours,
};

export class Cast {
  private constructor(
    readonly world: World,
    readonly people: Record<Who, Person>,
    readonly facts: Facts,
  ) {}

  static async gather(world: World): Promise<Cast> {
    const [alice, bob] = [
      new Person(await world.browser(), 'alice'),
      new Person(await world.browser(), 'bob'),
    ];
    await acquainted(alice, bob);
    const conversation = conversationOf(alice.page);
    await bob.send('Are we still meeting today?');
    await alice.sees('Are we still meeting today?');
    await alice.send('Yes! At six, by the river');
    await bob.send('Perfect, I bring the bread');
    await alice.sees('Perfect, I bring the bread');
    await alice.seesState('Yes! At six, by the river', 'Delivered');
    const message = await alice.message('At six, by the river').getAttribute('data-message');
    await bob.browser.close();

    const carol = new Person(await world.browser(), 'carol');
    await carol.signUp();
    await carol.addByHandle('alice');
    await carol.send('Hello, we met at the library');
    await carol.seesState('Hello, we met at the library', 'Sent');
    await carol.browser.close();

    const others: Record<string, string> = {};
    for (const name of ['dave', 'erin']) {
      const other = new Person(await world.browser(), name);
      await other.signUp();
      await other.browser.close();
      await alice.page.goto(`${world.relay.url}/#/`);
      await alice.addByHandle(name);
      await alice.send(`Hello ${name}`);
      await alice.seesState(`Hello ${name}`, 'Sent');
      others[name] = conversationOf(alice.page);
    }
    await alice.page.goto(`${world.relay.url}/#/chats/${others['erin']}/info`);
    await alice.page.getByRole('button', { name: text('chat.block'), exact: true }).click();
    await alice.page
      .getByRole('alertdialog')
      .getByRole('button', { name: text('chat.block'), exact: true })
      .click();
    await expect(alice.page.getByText(text('chat.youBlocked', { name: 'erin' }))).toBeVisible();

    await alice.page.goto(`${world.relay.url}/#/requests`);
    const request = alice.page.locator('a[href*="#/chats/"]').first();
    await expect(request).toBeVisible();
    const carols = /#\/chats\/([^/]+)/.exec((await request.getAttribute('href')) ?? '')?.[1] ?? '';

    const lonely = new Person(await world.browser(), 'frank');
    await lonely.signUp();
    const newcomer = new Person(await world.browser(), 'grace');
    return new Cast(
      world,
      { newcomer, lonely, alice },
      {
        bob: conversation,
        carol: carols,
        dave: others['dave'] ?? '',
        erin: others['erin'] ?? '',
        message: message ?? '',
      },
    );
  }

  /** Opens `screen` and waits until it shows what it must. */
  async show(screen: Screen): Promise<Page> {
    const { page } = this.people[screen.who];
    if (screen.path) {
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog').or(page.getByRole('alertdialog'))).toHaveCount(0);
      const path = screen.path(this.facts);
      // Through another screen, waited for, so that nothing of the one before is left open.
      const detour = detours[screen.who].find((one) => one.path !== path);
      if (detour) {
        await page.evaluate((hash) => (location.hash = hash), `#${detour.path}`);
        await expect(page.getByText(text(detour.shows)).filter({ visible: true }).first()).toBeVisible();
      }
      await page.evaluate((hash) => (location.hash = hash), `#${path}`);
    }
    await screen.arrange?.(page, this);
    await expect(page.getByText(screen.shows(this.facts)).filter({ visible: true }).first()).toBeVisible();
    await page.evaluate(settled);
    return page;
  }
}

function isShown(page: Page, id: string): Promise<boolean> {
  return page.getByText(text(id)).filter({ visible: true }).first().isVisible();
}

/** In the page: waits for what moves in, so that colours are final. Typing dots never end and are left alone. */
export async function settled(): Promise<void> {
  const ending = document
    .getAnimations()
    .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity);
  await Promise.allSettled(ending.map((one) => one.finished));
}

function conversationOf(page: Page): string {
  const found = /#\/chats\/([^/]+)/.exec(page.url())?.[1];
  if (!found) throw new Error('no conversation is open');
  return found;
}

function settingsPages(): string[] {
  const source = readFileSync(new URL('../src/features/settings/SettingsPane.tsx', import.meta.url), 'utf8');
  const list = /settingsPages = \[([^\]]+)\]/.exec(source)?.[1] ?? '';
  return [...list.matchAll(/'([a-z]+)'/g)].map((match) => match[1] ?? '');
}
