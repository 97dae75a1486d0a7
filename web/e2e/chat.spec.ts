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
  const dora = world.terminal('dora');
  await Promise.all([acquainted(alice, bob), dora.signUp()]);
  await bob.block();
  await expect(bob.page.getByText(text('chat.youBlocked', { name: 'alice' }))).toBeVisible();

  await alice.send('can you read this?');
  await alice.seesState('can you read this?', 'Sent');
  // What the relay takes later arrives later: once this is here, alice's message would be.
  expect(await dora.send('bob', 'this comes later')).toBe('sent');
  await bob.acceptRequest('dora');
  await bob.sees('this comes later');
  await bob.openRow('alice');
  await expect(bob.page.getByText(text('chat.youBlocked', { name: 'alice' }))).toBeVisible();
  await expect(bob.message('first words')).toHaveCount(1);
  await expect(bob.message('can you read this?')).toHaveCount(0);
  await expect(alice.message('can you read this?')).toHaveAccessibleName(
    new RegExp(`${text('ui.tickSent')}$`),
  );
  await expect(alice.page.getByText(text('refusal.blocked'))).toHaveCount(0);
});

test('both people see the same safety number', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const numbers = await alice.safetyNumber();
  expect(await bob.safetyNumber()).toEqual(numbers);
  for (const group of numbers) expect(group).toMatch(/^\d{5}$/);
});
