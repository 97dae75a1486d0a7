import type { Page } from '@playwright/test';
import { Person, acquainted } from './person';
import { text } from './texts';
import { expect, test } from './world';

interface Shown {
  title: string;
  body: string;
}

test('a message that nobody looks at is notified, with as much as the person wants shown', async ({
  world,
}) => {
  const alice = new Person(await world.browser(), 'alice');
  const bob = new Person(await world.browser({ allowed: ['notifications'] }), 'bob');
  await acquainted(alice, bob);
  await bob.page.evaluate(async () => void (await navigator.serviceWorker.ready));

  await alice.send('you are reading this');
  await bob.sees('you are reading this');
  await alice.seesState('you are reading this', 'Read');
  await expect.poll(() => shown(bob.page), 'the open conversation is not notified').toEqual([]);

  await bob.goHome();
  await alice.send('dinner at seven');
  await expect.poll(() => shown(bob.page)).toEqual([{ title: 'alice', body: 'dinner at seven' }]);

  await bob.goTo('/settings/notifications');
  await bob.page.getByRole('switch', { name: text('notifications.preview') }).click();
  await expect(bob.page.getByRole('switch', { name: text('notifications.preview') })).not.toBeChecked();
  await alice.send('a secret place');
  await expect
    .poll(() => shown(bob.page))
    .toEqual([{ title: 'SecureChat', body: text('notice.newMessage') }]);

  await bob.goHome();
  await openNotice(bob.page);
  await expect(bob.composer).toBeVisible();
  await bob.sees('a secret place');
});

function shown(page: Page): Promise<Shown[]> {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).map(({ title, body }) => ({ title, body }));
  });
}

/** What the service worker tells the page after a click: the click itself belongs to the system. */
async function openNotice(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const [notice] = await registration.getNotifications();
    const data = { type: 'open', ...(notice?.data as { conversationId: string }) };
    navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data }));
  });
}
