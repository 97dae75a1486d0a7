import { Person, acquainted } from './person';
import { text } from './texts';
import { expect, test } from './world';

const PASSPHRASE = 'correct horse battery';

test('a passphrase locks the chats away and opens them again', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await alice.page.goto(`${world.relay.url}/#/settings/privacy`);
  await alice.page.getByRole('button', { name: text('privacy.setPassphrase') }).click();
  await alice.page.getByLabel(text('privacy.new'), { exact: true }).fill(PASSPHRASE);
  await alice.page.getByLabel(text('privacy.again'), { exact: true }).fill(PASSPHRASE);
  await alice.page.getByRole('button', { name: text('ui.save') }).click();
  await alice.page.getByRole('button', { name: text('privacy.lock'), exact: true }).click();

  const field = () => alice.page.getByLabel(text('auth.passphrase'), { exact: true });
  await expect(field()).toBeVisible();
  expect(await alice.page.content(), 'nothing readable stays on the page').not.toContain('first words');
  await field().fill('a wrong passphrase');
  await alice.page.getByRole('button', { name: text('auth.unlock'), exact: true }).click();
  await expect(alice.page.getByText(text('auth.wrongPassphrase'))).toBeVisible();

  // A restart of the browser asks for it too.
  await alice.browser.close();
  await alice.browser.open();
  await field().fill(PASSPHRASE);
  await alice.page.getByRole('button', { name: text('auth.unlock'), exact: true }).click();
  await alice.openFirstChat();
  await alice.sees('first words');
  await alice.send('still the same account');
  await bob.sees('still the same account');
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

test('what the browser evicted is explained, and nothing starts over by itself', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await alice.page.goto('about:blank');
  // A page of the origin without the app, so that nothing holds the files.
  await alice.page.goto(`${world.relay.url}/icon.svg`);
  await alice.page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry('securechat', { recursive: true });
  });
  await alice.page.goto(world.relay.url);
  await expect(alice.page.getByRole('heading', { name: text('boot.evictedTitle') })).toBeVisible();
  await alice.page.reload();
  await expect(alice.page.getByRole('heading', { name: text('boot.evictedTitle') })).toBeVisible();
});
