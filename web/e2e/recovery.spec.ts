import type { Page, Worker } from '@playwright/test';
import type { BootFailure } from '../src/core/state';
import { Person, acquainted } from './person';
import { ruin } from './ruins';
import { text } from './texts';
import { expect, test } from './world';

/** What the storage can look like, and the heading that explains it. */
const failures: Record<Exclude<BootFailure, 'no_storage' | 'crashed' | 'full'>, string> = {
  locked_by_another: 'boot.lockedTitle',
  wrong_key: 'boot.wrongKeyTitle',
  key_missing: 'boot.keyMissingTitle',
  evicted: 'boot.evictedTitle',
  too_new: 'boot.tooNewTitle',
  corrupt: 'boot.corruptTitle',
};

for (const [kind, title] of Object.entries(failures)) {
  test(`a store that is ${kind} is explained, and nothing starts over by itself`, async ({ world }) => {
    const alice = new Person(await world.browser(), 'alice');
    await alice.signUp();
    await ruin(alice.browser, kind as keyof typeof failures);
    const heading = () => alice.page.getByRole('heading', { name: text(title) });
    await expect(heading()).toBeVisible();
    await alice.page.reload();
    await expect(heading()).toBeVisible();
  });
}

test('a window that lets go of the files is waited for with one button', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await ruin(alice.browser, 'locked_by_another');
  await expect(alice.page.getByRole('heading', { name: text('boot.lockedTitle') })).toBeVisible();
  await alice.browser.otherTab().close();
  await alice.page.getByRole('button', { name: text('boot.tryAgain') }).click();
  await expect(alice.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
});

test('starting over is asked twice, and then begins at the welcome screen', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  await ruin(alice.browser, 'evicted');
  await alice.page.getByRole('button', { name: text('boot.startOver') }).click();
  await alice.page
    .getByRole('alertdialog')
    .getByRole('button', { name: text('auth.forget'), exact: true })
    .click();
  await expect(alice.page.getByText(text('auth.promise'))).toBeVisible();
});

test('without storage one may go on in memory, and is told that nothing stays', async ({ world }) => {
  const [alice, bob] = [
    new Person(await world.browser({ keepsNothing: true }), 'alice'),
    new Person(await world.browser(), 'bob'),
  ];
  await expect(alice.page.getByRole('heading', { name: text('boot.noStorageTitle') })).toBeVisible();
  await alice.page.getByRole('button', { name: text('boot.useMemory') }).click();
  await acquainted(alice, bob);
  await expect(alice.page.getByText(text('notice.memory'))).toBeVisible();
  await bob.send('it works all the same');
  await alice.sees('it works all the same');
  await alice.page.reload();
  await expect(alice.page.getByRole('heading', { name: text('boot.noStorageTitle') })).toBeVisible();
});

test('a core that panics starts again, and what was written is there', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await alice.send('before the panic');
  const before = core(alice.page);
  await panic(before);
  await expect.poll(() => core(alice.page) !== before, 'another worker took over').toBe(true);
  await alice.sees('before the panic');
  await alice.send('after the panic');
  await bob.sees('before the panic');
  await bob.sees('after the panic');
  await bob.send('an answer');
  await alice.sees('an answer');
});

test('a core that panics again and again says so, and a reload helps', async ({ world }) => {
  const alice = new Person(await world.browser(), 'alice');
  await alice.signUp();
  const failed = alice.page.getByRole('heading', { name: text('boot.crashedTitle') });
  await expect(async () => {
    if (await failed.isVisible()) return;
    await panic(core(alice.page));
    await expect(failed).toBeVisible({ timeout: 250 });
  }).toPass();
  await alice.page.getByRole('button', { name: text('boot.reload') }).click();
  await expect(alice.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
});

test('a browser that the relay does not know any more says so, and its chats stay readable', async ({
  world,
}) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await bob.browser.close();
  await world.relay.stop();
  world.relay.forget();
  await world.relay.start();
  await expect(alice.page.getByRole('heading', { name: text('auth.removedTitle') })).toBeVisible({
    timeout: 60_000,
  });
  await alice.page.getByRole('button', { name: text('auth.readChats') }).click();
  await alice.openFirstChat();
  await alice.sees('first words');
});

test('an older copy of a store notices that it is one, and sends nothing', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  await alice.browser.close();
  const copy = alice.browser.copy();
  await alice.browser.open();
  await alice.openFirstChat();
  await alice.send('after the copy');
  await alice.seesState('after the copy', 'Delivered');
  await alice.browser.close();
  alice.browser.restore(copy);
  await alice.browser.open();
  await expect(alice.page.getByRole('heading', { name: text('auth.staleTitle') })).toBeVisible();
});

/** The worker of the core, the newest one of this page. */
function core(page: Page): Worker {
  const worker = page.workers().at(-1);
  if (!worker) throw new Error('this page has no core');
  return worker;
}

/** What the module calls when it panics, with the source place of the panic. */
async function panic(worker: Worker): Promise<void> {
  await worker
    .evaluate(() =>
      (globalThis as { securechatPanicked?: (place: string) => void }).securechatPanicked?.('here'),
    )
    .catch(() => {
      // It ended before it could answer.
    });
}
