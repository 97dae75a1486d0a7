import { Person, acquainted } from './person';
import { text } from './texts';
import { expect, test } from './world';

test('a message to someone who is away arrives when they come back', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await bob.browser.close();
  for (const words of ['one', 'two', 'three']) await alice.send(words);
  await alice.seesState('three', 'Sent');
  await bob.browser.open();
  await bob.openFirstChat();
  for (const words of ['one', 'two', 'three']) await bob.sees(words);
  await alice.seesState('three', 'Delivered');
});

test('a reload in mid-send loses nothing and sends nothing twice', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  for (let round = 0; round < 3; round += 1) {
    await alice.send(`before reload ${round}`);
    await expect(alice.message(`before reload ${round}`)).toHaveCount(1);
    await alice.page.reload();
    await expect(alice.composer).toBeVisible();
  }
  for (let round = 0; round < 3; round += 1) {
    await bob.sees(`before reload ${round}`);
    await alice.seesState(`before reload ${round}`, 'Delivered');
  }
});

test('a browser killed while sending resumes from its store', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await world.relay.stop();
  await alice.send('written before the kill');
  await expect(alice.message('written before the kill')).toHaveCount(1);
  await alice.browser.kill();
  await world.relay.start();
  await alice.browser.open();
  await alice.openFirstChat();
  await alice.seesState('written before the kill', 'Delivered');
  await bob.sees('written before the kill');
});

test('without the relay the app says so, and delivers later', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await world.relay.stop('SIGKILL');
  await expect(alice.page.getByText(text('notice.offline'))).toBeVisible({ timeout: 30_000 });
  await alice.send('while the relay is away');
  await alice.seesState('while the relay is away', 'Queued');
  await world.relay.start();
  await alice.seesState('while the relay is away', 'Delivered');
  await bob.sees('while the relay is away');
  await expect(alice.page.getByText(text('notice.offline'))).toHaveCount(0);
});

test('the app itself opens without a network', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await alice.page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await alice.page.reload();
  await expect(alice.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
  await world.relay.stop();
  await alice.page.reload();
  await expect(alice.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
  await expect(alice.page.getByText(text('notice.offline'))).toBeVisible({ timeout: 30_000 });
});
