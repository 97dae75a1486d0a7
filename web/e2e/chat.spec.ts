import { Person, acquainted } from './person';
import { text } from './texts';
import { expect, test } from './world';

test('two people sign up, find each other by handle and write within 60 s and 8 interactions', async ({
  world,
}) => {
  const started = Date.now();
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await Promise.all([alice.signUp(), bob.signUp()]);
  expect(alice.browser.interactions, 'sign-up').toBeLessThanOrEqual(4);

  const before = alice.browser.interactions;
  await alice.addByHandle('bob');
  expect(alice.browser.interactions - before, 'adding a contact').toBeLessThanOrEqual(3);
  await alice.send('hello bob');
  await alice.seesState('hello bob', 'Sent');
  expect(alice.browser.interactions, 'up to the first message').toBeLessThanOrEqual(8);

  await bob.acceptRequest();
  await bob.sees('hello bob');
  await alice.seesState('hello bob', 'Delivered');
  expect(Date.now() - started, 'up to the first message delivered').toBeLessThan(60_000);

  await bob.send('hello alice');
  await alice.sees('hello alice');
  await bob.seesState('hello alice', 'Read');
});

test('an invite link leads from the welcome screen into the conversation', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  const link = await alice.link();

  const bob = new Person(await world.browser(), 'bob');
  await bob.page.goto('about:blank');
  await bob.page.goto(link);
  await bob.signUp();
  await expect(bob.composer).toBeVisible();
  expect(bob.page.url(), 'the payload does not stay in the address').not.toContain(link.split('#')[1]);
  await bob.send('your link works');
  expect(bob.browser.interactions).toBeLessThanOrEqual(8);
  await alice.page.goto(`${world.relay.url}/#/`);
  await alice.acceptRequest();
  await alice.sees('your link works');
});

test('an edited message changes and a deleted one disappears on both sides', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await alice.send('with a tpyo');
  await bob.sees('with a tpyo');
  await alice.menu('with a tpyo', text('chat.edit'));
  await alice.composer.fill('without a typo');
  await alice.composer.press('Enter');
  await bob.sees('without a typo');
  await expect(bob.message('with a tpyo')).toHaveCount(0);

  await alice.menu('without a typo', text('chat.delete'));
  await alice.page.getByRole('button', { name: text('chat.deleteForEveryone') }).click();
  await expect(bob.message('without a typo')).toHaveCount(0, { timeout: 20_000 });
  await expect(alice.message('without a typo')).toHaveCount(0);
});

test('a blocked person reaches no one, and learns nothing', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await bob.page.goto(bob.page.url().replace(/(#\/chats\/[^/]+).*/, '$1/info'));
  await bob.page.getByRole('button', { name: text('chat.block'), exact: true }).click();
  await bob.page
    .getByRole('alertdialog')
    .getByRole('button', { name: text('chat.block'), exact: true })
    .click();
  await expect(bob.page.getByText(text('chat.youBlocked', { name: 'alice' }))).toBeVisible();

  await alice.send('can you read this?');
  await alice.sees('can you read this?');
  await bob.page.waitForTimeout(2_000);
  await expect(bob.message('can you read this?')).toHaveCount(0);
  await expect(alice.page.getByText(text('refusal.blocked'))).toHaveCount(0);
});

test('both people see the same safety number', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const numbers: string[][] = [];
  for (const person of [alice, bob]) {
    await person.page.goto(person.page.url().replace(/(#\/chats\/[^/]+).*/, '$1/verify'));
    const groups = person.page.getByRole('list', { name: text('ui.safetyNumber') }).getByRole('listitem');
    await expect(groups).toHaveCount(12);
    numbers.push(await groups.allTextContents());
  }
  expect(numbers[0]).toEqual(numbers[1]);
  for (const group of numbers[0] ?? []) expect(group).toMatch(/^\d{5}$/);
});
