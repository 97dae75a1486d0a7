import type { Page } from '@playwright/test';
import { Person, acquainted } from './person';
import { text } from './texts';
import { type World, expect, test } from './world';

const PASSPHRASE = 'correct horse battery';

test('two tabs show and send the same, also after the leading one is closed', async ({ world }) => {
  const { alice, bob, first, second, led } = await twoTabs(world);

  await alice.send('from the first tab');
  await expect(alice.message('from the first tab', second)).toHaveCount(1);
  await first.close();
  // The closed tab was the first: the remaining one is now the browser's page.
  await alice.send('from the second tab');
  await bob.sees('from the second tab');
  await bob.send('an answer');
  await alice.sees('an answer');
  expect(await leader(second), 'another tab leads').not.toBe(led);
});

test('a leading tab that is hidden gives the lead to the one that is looked at', async ({ world }) => {
  const { alice, bob, first, second, led } = await twoTabs(world);

  await setHidden(first, true);
  await expect.poll(() => leader(second), 'the lead passed on').not.toBe(led);
  // The former leader follows now: it still sends, and still hears.
  await alice.send('from the hidden tab');
  await expect(alice.message('from the hidden tab', second)).toHaveCount(1);
  await bob.sees('from the hidden tab');
  await bob.send('seen by both');
  await alice.sees('seen by both');
  await expect(alice.message('seen by both', second)).toHaveCount(1);

  // While both are looked at, the lead stays where it is.
  const stays = await leader(second);
  await setHidden(first, false);
  await bob.send('and nothing moved');
  await alice.sees('and nothing moved');
  expect(await leader(second)).toBe(stays);
});

test('an unlocked vault stays open in the other tab, and locking closes all of them', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await alice.setPassphrase(PASSPHRASE);
  const newChat = (page: Page) => page.getByRole('button', { name: text('chats.new') });
  const second = await alice.browser.newTab();
  await expect(newChat(second)).toBeVisible();

  await alice.page.close();
  // The tab that led is gone; this one took over with the key it was handed.
  await second.reload();
  await expect(alice.passphraseField(second), 'the last tab took the key along').toBeVisible();
  await alice.unlock(PASSPHRASE);
  await expect(newChat(second)).toBeVisible();

  const third = await alice.browser.newTab('/#/settings/privacy');
  const opened = third.getByText(text('privacy.passphraseOn'));
  await expect(opened).toBeVisible();
  await second.close();
  await expect(opened, 'the closed leader locked the other').toBeVisible();
  const fourth = await alice.browser.newTab();
  await expect(newChat(fourth)).toBeVisible();
  await third.getByRole('button', { name: text('privacy.lock'), exact: true }).click();
  await expect(alice.passphraseField(third)).toBeVisible();
  await expect(alice.passphraseField(fourth)).toBeVisible();
});

/** Alice reads her chat with Bob in two tabs; the first one leads. */
async function twoTabs(world: World) {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const first = alice.page;
  const second = await alice.browser.newTab('/' + new URL(first.url()).hash);
  await expect(alice.message('first words', second)).toHaveCount(1);
  return { alice, bob, first, second, led: await leader(second) };
}

/** The worker that holds the lead, by the name the browser gives it. */
async function leader(page: Page): Promise<string> {
  const holders = await page.evaluate(async () => {
    const { held } = await navigator.locks.query();
    return (held ?? []).filter((lock) => lock.name === 'securechat-core').map((lock) => lock.clientId ?? '');
  });
  expect(holders.length, 'at most one leads').toBeLessThanOrEqual(1);
  return holders[0] ?? 'none';
}

/** A browser without a screen shows all of its tabs; what the page sees of being covered is brought about by hand. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(
    (state) => {
      Object.defineProperty(document, 'visibilityState', { get: () => state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    },
    hidden ? 'hidden' : 'visible',
  );
}
