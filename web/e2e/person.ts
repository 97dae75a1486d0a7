/** What a person does in the app, by the words and roles on the screen. */
import { expect, type Locator, type Page } from '@playwright/test';
import type { Browser } from './browser';
import { text } from './texts';

const PASSWORD = 'a long enough password';

export class Person {
  constructor(
    readonly browser: Browser,
    readonly handle: string,
  ) {}

  get page(): Page {
    return this.browser.page;
  }

  /** From the welcome screen to an empty chat list: 4 interactions. */
  async signUp(): Promise<void> {
    const { browser, page } = this;
    await browser.click(page.getByRole('button', { name: text('auth.createAccount') }));
    await browser.type(page.getByLabel(text('auth.handle')), this.handle);
    await browser.type(page.getByLabel(text('auth.password'), { exact: true }), PASSWORD);
    await browser.click(page.getByRole('button', { name: text('auth.createAccount') }));
    // Behind the sign-up stands either the chat list or, after an invite link, the conversation.
    await expect(page.getByRole('button', { name: text('auth.createAccount') })).toHaveCount(0, {
      timeout: 30_000,
    });
  }

  /** From the chat list to the conversation with `handle`: 2 interactions. */
  async addByHandle(handle: string): Promise<void> {
    const { browser, page } = this;
    await browser.click(page.getByRole('button', { name: text('chats.new') }));
    await browser.typeAndEnter(page.getByLabel(text('contacts.theirs')), `@${handle}`);
    await expect(this.composer).toBeVisible();
  }

  /** Opens the message request (of `who`, or the newest) and accepts it: 3 interactions. */
  async acceptRequest(who = ''): Promise<void> {
    const { browser, page } = this;
    await browser.click(page.getByRole('link', { name: new RegExp(escaped(text('chats.requests'))) }));
    await browser.click(page.locator('a[href*="#/chats/"]').filter({ hasText: who }).first());
    await browser.click(page.getByRole('button', { name: text('chat.accept'), exact: true }));
    await expect(this.composer).toBeVisible();
  }

  async openFirstChat(): Promise<void> {
    await this.openChat('');
  }

  /** Opens the chat whose row says `who`: 1 interaction. */
  async openChat(who: string): Promise<void> {
    await this.openRow(who);
    await expect(this.composer).toBeVisible();
  }

  /** The same for a conversation in which nothing can be written. */
  async openRow(who: string): Promise<void> {
    await this.browser.click(this.page.locator('a[href*="#/chats/"]').filter({ hasText: who }).first());
  }

  /** The chat list, with no conversation open: nothing that arrives counts as seen. */
  async goHome(): Promise<void> {
    await this.goTo('/');
    await expect(this.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
  }

  /** Follows an address of the app, as a link inside it would. */
  async goTo(path: string): Promise<void> {
    await this.page.evaluate((hash) => (location.hash = hash), `#${path}`);
  }

  /** The address of what belongs to the open conversation: `info`, `verify`. */
  async goToPart(part: string): Promise<void> {
    const conversation = /#(\/chats\/[^/]+)/.exec(this.page.url())?.[1];
    if (conversation === undefined) throw new Error('no conversation is open');
    await this.goTo(`${conversation}/${part}`);
  }

  async safetyNumber(): Promise<string[]> {
    await this.goToPart('verify');
    const groups = this.page.getByRole('list', { name: text('ui.safetyNumber') }).getByRole('listitem');
    await expect(groups).toHaveCount(12);
    return groups.allTextContents();
  }

  /** Blocks the person of the open conversation. */
  async block(): Promise<void> {
    await this.goToPart('info');
    await this.page.getByRole('button', { name: text('chat.block'), exact: true }).click();
    await this.page
      .getByRole('alertdialog')
      .getByRole('button', { name: text('chat.block'), exact: true })
      .click();
  }

  /** Sets a passphrase for this browser; ends on the privacy page. */
  async setPassphrase(passphrase: string): Promise<void> {
    const { page } = this;
    await this.goTo('/settings/privacy');
    await page.getByRole('button', { name: text('privacy.setPassphrase') }).click();
    for (const label of ['privacy.new', 'privacy.again'])
      await page.getByLabel(text(label), { exact: true }).fill(passphrase);
    await page.getByRole('button', { name: text('ui.save') }).click();
    await expect(page.getByText(text('privacy.passphraseOn'))).toBeVisible();
  }

  /** What a locked browser asks for. */
  passphraseField(page: Page = this.page): Locator {
    return page.getByLabel(text('auth.passphrase'), { exact: true });
  }

  async unlock(passphrase: string): Promise<void> {
    await this.passphraseField().fill(passphrase);
    await this.page.getByRole('button', { name: text('auth.unlock'), exact: true }).click();
  }

  /** Writes in the open conversation: 1 interaction. */
  async send(words: string): Promise<void> {
    await this.browser.typeAndEnter(this.composer, words);
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', {
      name: new RegExp('^' + escaped(text('chat.placeholder', { name: '' }).trim())),
    });
  }

  /** The message that reads `words`, with its accessible name "author, time, text, state". */
  message(words: string, page: Page = this.page): Locator {
    return page.getByRole('article', { name: words });
  }

  async sees(words: string): Promise<void> {
    await expect(this.message(words)).toHaveCount(1);
  }

  /** Waits until the own message `words` carries the word for `state`. */
  async seesState(words: string, state: 'Queued' | 'Sent' | 'Delivered' | 'Read'): Promise<void> {
    const order = ['Queued', 'Sent', 'Delivered', 'Read'];
    const reached = order.slice(order.indexOf(state)).map((later) => escaped(text(`ui.tick${later}`)));
    await expect(this.message(words)).toHaveAccessibleName(new RegExp(`(${reached.join('|')})$`));
  }

  async menu(words: string, entry: string): Promise<void> {
    await this.message(words).click({ button: 'right' });
    await this.page.getByRole('menuitem', { name: entry }).click();
  }

  async link(): Promise<string> {
    await this.page.goto(`${this.browser.address}/#/add`);
    const shown = this.page.getByText(new RegExp(`${escaped(this.browser.address)}/#[A-Za-z0-9_-]+`)).first();
    await expect(shown).toBeVisible();
    return ((await shown.textContent()) ?? '').trim();
  }
}

/** Two people who have accepted each other, each with the conversation open. */
export async function acquainted(one: Person, other: Person): Promise<void> {
  await Promise.all([one.signUp(), other.signUp()]);
  await one.addByHandle(other.handle);
  await one.send('first words');
  await other.acceptRequest();
  await other.sees('first words');
}

function escaped(words: string): string {
  return words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
