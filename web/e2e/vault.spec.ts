import { Person, acquainted } from './person';
import { text } from './texts';
import { expect, test } from './world';

const PASSPHRASE = 'correct horse battery';

test('a passphrase locks the chats away and opens them again', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await alice.setPassphrase(PASSPHRASE);
  await alice.page.getByRole('button', { name: text('privacy.lock'), exact: true }).click();
  await expect(alice.passphraseField()).toBeVisible();
  expect(await alice.page.content(), 'nothing readable stays on the page').not.toContain('first words');
  await alice.unlock('a wrong passphrase');
  await expect(alice.page.getByText(text('auth.wrongPassphrase'))).toBeVisible();

  // A restart of the browser asks for it too.
  await alice.browser.close();
  await alice.browser.open();
  await alice.unlock(PASSPHRASE);
  await alice.openFirstChat();
  await alice.sees('first words');
  await alice.send('still the same account');
  await bob.sees('still the same account');
});

test('the chosen theme is there before the vault opens, and goes with the account', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  const theme = () => alice.page.locator('html').getAttribute('data-theme');
  await alice.signUp();
  expect(await theme(), 'as the system has it').toBe('light');
  await alice.goTo('/settings/appearance');
  await alice.page.getByRole('radio', { name: text('appearance.dark') }).click();
  await expect.poll(theme).toBe('dark');
  await alice.setPassphrase(PASSPHRASE);
  await alice.page.getByRole('button', { name: text('privacy.lock'), exact: true }).click();
  await expect(alice.passphraseField()).toBeVisible();
  await alice.page.reload({ waitUntil: 'commit' });
  await expect(alice.page.locator('body')).toBeAttached();
  expect(await theme(), 'before anything of the app has run').toBe('dark');
  await expect(alice.passphraseField()).toBeVisible();
  expect(await theme(), 'while it is locked').toBe('dark');

  await alice.page.getByRole('button', { name: text('auth.passphraseForgotten') }).click();
  await alice.page
    .getByRole('alertdialog')
    .getByRole('button', { name: text('auth.forget'), exact: true })
    .click();
  await expect(alice.page.getByText(text('auth.promise'))).toBeVisible();
  await expect.poll(theme, 'nobody lives here').toBe('light');
});

test('the files of the store and of the relay hold nothing readable', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const canary = 'canary-7f3a9c51d2';
  await alice.send(canary);
  await bob.sees(canary);
  // The kill leaves the write-ahead log as it was in mid-use.
  await bob.browser.kill();
  const files = bob.browser.storeFiles();
  const large = files.filter((file) => file.length > 8 * 1024);
  expect(large.length, 'the store is there').toBeGreaterThan(0);
  for (const file of files) {
    for (const planted of [canary, 'SQLite format 3', 'CREATE TABLE', 'first words']) {
      expect(file.includes(planted), `${planted} in the store`).toBe(false);
    }
  }
  const stored = world.relay.bytes();
  for (const form of [
    canary,
    Buffer.from(canary).toString('base64').slice(0, -2),
    Buffer.from(canary).toString('hex'),
  ]) {
    expect(stored.includes(form), 'the text at the relay').toBe(false);
  }
});

test('a vault that nobody uses locks itself', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await alice.setPassphrase(PASSPHRASE);
  // Five minutes pass in two seconds, in the one place that counts them.
  await alice.page
    .workers()
    .at(-1)
    ?.evaluate(() => {
      const wait = globalThis.setTimeout.bind(globalThis);
      globalThis.setTimeout = ((act: () => void, ms?: number) =>
        wait(act, ms === 5 * 60_000 ? 2_000 : ms)) as typeof setTimeout;
    });
  await alice.page.getByRole('radio', { name: /^5 / }).click();
  await expect(alice.passphraseField()).toBeVisible();
  await alice.unlock(PASSPHRASE);
  await expect(alice.page.getByText(text('privacy.passphraseOn'))).toBeVisible();
  await expect(alice.page.getByRole('radio', { name: /^5 / }), 'the choice was kept').toBeChecked();
});
