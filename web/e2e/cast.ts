/**
 * The people of the screens, with data made through the product, and the way to each screen.
 * Knows addresses and what must be readable; the screens themselves stand in screens.ts and trouble.ts.
 */
import { expect, type Locator, type Page } from '@playwright/test';
import { Person, acquainted } from './person';
import { text } from './texts';
import type { World } from './world';

/** `unlucky`: whose storage is damaged again and again; `forgetful`: whose browser keeps nothing. */
export type Who = 'newcomer' | 'lonely' | 'alice' | 'unlucky' | 'forgetful';

/** Conversations and messages of alice, by what they show. */
export interface Facts {
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
  /** It is a dialog over another screen, which shows the same words without it. */
  dialog?: true;
}

const settingsDetours = [
  { path: '/settings/about', shows: 'settings.about' },
  { path: '/settings/language', shows: 'settings.language' },
];
/** The unlucky and the forgetful are not led by addresses. */
const detours: Partial<Record<Who, { path: string; shows: string }[]>> = {
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
    /** The profile of the unlucky, before anything happened to it. */
    private readonly intact: string,
    readonly facts: Facts,
  ) {}

  /** The unlucky as on the first day, with the app open. */
  async repair(): Promise<Person> {
    const { unlucky } = this.people;
    await unlucky.browser.close();
    unlucky.browser.restore(this.intact);
    await unlucky.browser.open();
    return unlucky;
  }

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

    // Without a service worker, so that a file of the app can be kept back.
    const unlucky = new Person(await world.browser({ serviceWorker: false }), 'heidi');
    await unlucky.signUp();
    await unlucky.browser.close();
    const intact = unlucky.browser.copy();
    await unlucky.browser.open();
    const forgetful = new Person(await world.browser({ keepsNothing: true }), 'ivan');
    return new Cast(world, { newcomer, lonely, alice, unlucky, forgetful }, intact, {
      bob: conversation,
      carol: carols,
      dave: others['dave'] ?? '',
      erin: others['erin'] ?? '',
      message: message ?? '',
    });
  }

  /** Opens `screen` and waits until it shows what it must. */
  async show(screen: Screen): Promise<Page> {
    const person = this.people[screen.who];
    if (screen.path) {
      const { page } = person;
      await page.keyboard.press('Escape');
      await expect(dialogs(page)).toHaveCount(0);
      const path = screen.path(this.facts);
      // Through another screen, waited for, so that nothing of the one before is left open.
      const detour = detours[screen.who]?.find((one) => one.path !== path);
      if (detour) {
        await page.evaluate((hash) => (location.hash = hash), `#${detour.path}`);
        await expect(page.getByText(text(detour.shows)).filter({ visible: true }).first()).toBeVisible();
      }
      await page.evaluate((hash) => (location.hash = hash), `#${path}`);
      // What is opened before the address was followed is closed by it.
      if (detour)
        await expect(page.getByRole('heading', { name: text(detour.shows), exact: true })).toHaveCount(0);
    }
    await screen.arrange?.(person.page, this);
    // The person may have got another page.
    const { page } = person;
    await this.check(screen, page);
    return page;
  }

  /** Waits for what moves, and requires that the page shows the screen then. */
  async check(screen: Screen, page: Page): Promise<void> {
    const words = page.getByText(screen.shows(this.facts)).filter({ visible: true }).first();
    await expect(words).toBeVisible();
    if (screen.dialog) await expect(dialogs(page)).toHaveCount(1);
    await page.evaluate(settled);
    // A dialog is in the page some frames before it can be seen.
    if (screen.dialog)
      await expect
        .poll(() => dialogs(page).evaluate((dialog) => dialog.checkVisibility({ opacityProperty: true })))
        .toBe(true);
  }
}

function dialogs(page: Page): Locator {
  return page.getByRole('dialog').or(page.getByRole('alertdialog'));
}

export function isShown(page: Page, id: string): Promise<boolean> {
  return page.getByText(text(id)).filter({ visible: true }).first().isVisible();
}

/** In the page: waits for what moves in, so that colours are final. Typing dots never end and are left alone. */
async function settled(): Promise<void> {
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
