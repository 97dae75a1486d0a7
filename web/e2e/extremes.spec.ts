/** What people and their programs really write: long names, other scripts, rubbish, too much; on the narrowest screen. */
import { expect, type Page } from '@playwright/test';
import { Person, acquainted } from './person';
import { text } from './texts';
import { test } from './world';

const ARABIC = 'شيماء عبد الرحمن (مكتب) 123';
const LONG = 'Maximiliane-Konstantinopolitanische von und zu Wolkenkuckucksheim'.slice(0, 64);
const WIDE = `w${'m'.repeat(31)}`;

/** Elements that stand out over the edge of the screen. */
const overhanging = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return right > innerWidth + 1 || left < -1;
      })
      .map((element) => `${element.tagName} ${element.className}: ${element.textContent.slice(0, 40)}`),
  );

test('long names, other scripts, rubbish and very long texts stay within the narrowest screen', async ({
  world,
}) => {
  const narrow = { width: 320, height: 640 };
  const [wide, alice] = [
    new Person(await world.browser(narrow), WIDE),
    new Person(await world.browser(narrow), 'alice'),
  ];
  await rename(wide, ARABIC);
  await rename(alice, LONG);

  await alice.goTo('/add');
  await alice.browser.typeAndEnter(alice.page.getByLabel(text('contacts.theirs')), `@${WIDE}`);
  await expect(alice.composer).toBeVisible();
  await alice.send('first words');
  await wide.acceptRequest();
  await wide.send('مرحبا English 123 ثم عربي');
  await alice.sees('مرحبا English 123 ثم عربي');
  await expect(alice.page.getByRole('heading', { level: 1, name: ARABIC })).toHaveCSS('direction', 'rtl');
  expect(await overhanging(alice.page)).toEqual([]);
  await alice.goToPart('info');
  await expect(alice.page.getByText(`@${WIDE}`)).toBeVisible();
  expect(await overhanging(alice.page)).toEqual([]);
  await alice.page.goBack();

  // It is text, however it looks.
  const rubbish = `\u202Egnirts ${'A'.repeat(600)} ${'*_~\`'.repeat(100)} <img src=x onerror=alert(1)> end of it`;
  await alice.send(rubbish);
  await expect(wide.page.getByRole('log').getByText('<img src=x onerror=alert(1)>')).toBeVisible();
  expect(await overhanging(wide.page)).toEqual([]);

  await alice.browser.type(alice.composer, 'word '.repeat(13_107));
  await expect(alice.page.getByRole('alert')).toBeVisible();
  await alice.composer.press('Enter');
  await expect(alice.composer).not.toHaveValue('');

  // What was just written is what one sees, to its end, also from far above.
  const long = `${Array.from({ length: 2300 }, (_, index) => `w${index}`).join(' ')}.`;
  for (const [words, shown] of [
    [long, 'w0 w1 w2'],
    ['a short one', 'a short one'],
  ] as const) {
    await alice.send(words);
    await expect(alice.message(shown)).toHaveCount(1);
    await expect.poll(() => alice.page.evaluate(belowTheFold)).toBeLessThan(48);
    await alice.page.getByRole('log').hover();
    await alice.page.mouse.wheel(0, -900);
    await expect.poll(() => alice.page.evaluate(belowTheFold)).toBeGreaterThan(500);
  }

  await wide.sees('a short one');

  // The tools of a message cover none of its words: they stand above it here, and beside it where there is room.
  await alice.send('ok?');
  for (const { page } of [alice, wide]) {
    const message = page.getByRole('article', { name: 'ok?' });
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 640 });
      await message.getByText('ok?').hover();
      await expect(message.getByRole('button', { name: text('chat.messageMenu') })).toBeVisible();
      expect(await message.evaluate(coveredWords), `at ${width}`).toBe(false);
      expect(await overhanging(page)).toEqual([]);
    }
  }

  // Its end is one press away, and what it is unfolded to begins where the folded part ended.
  const message = wide.message('w0 w1 w2');
  await expect(message).toHaveCount(1);
  const ending = wide.page.getByText('w2299.');
  await expect(ending).toHaveCount(0);
  const more = message.getByRole('button', { name: text('ui.readMore') });
  await more.scrollIntoViewIfNeeded();
  const top = await message.evaluate((element) => element.getBoundingClientRect().top);
  await more.focus();
  await wide.page.keyboard.press('Enter');
  await expect(ending).toHaveCount(1);
  await expect
    .poll(() => message.evaluate((element) => element.getBoundingClientRect().top))
    .toBeCloseTo(top, -1);
  expect(await overhanging(wide.page)).toEqual([]);
  await message.getByRole('button', { name: text('ui.readLess') }).press('Enter');
  await expect(ending).toHaveCount(0);
  await expect(message).toBeInViewport();

  // Nor does a scroll that was on its way, at the end, take whoever reads on to the new end.
  await wide.page.getByRole('log').evaluate((log) => (log.scrollTop = log.scrollHeight));
  await expect(more).toBeInViewport();
  const before = await message.evaluate((element) => element.getBoundingClientRect().top);
  await more.evaluate((button: HTMLElement) => {
    button.click();
    button.closest('[role="log"]')?.dispatchEvent(new Event('scroll'));
  });
  await expect(ending).toHaveCount(1);
  await wide.page.waitForTimeout(500);
  expect(await message.evaluate((element) => element.getBoundingClientRect().top)).toBeCloseTo(before, -1);
  await message.getByRole('button', { name: text('ui.readLess') }).press('Enter');
  await expect(ending).toHaveCount(0);

  // A search for words of its end shows them.
  await wide.page.keyboard.press('Control+f');
  await wide.page.getByRole('searchbox', { name: text('chat.searchHere') }).fill('w2298');
  await expect(ending).toHaveCount(1);
});

test('an address that leads nowhere says so, and stops neither its tab nor the other one', async ({
  world,
}) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const tab = await alice.browser.newTab('/#/chats/xyz');
  for (const address of ['xyz', 'not-an-id', '%E0%A4%A', 'AAAAAAAAAAAAAAAAAAAAAB']) {
    await tab.goto(`${alice.browser.address}/#/chats/${address}`);
    await tab.reload();
    await expect(tab.getByText(text('chat.gone'))).toBeVisible();
  }
  const chat = new URL(alice.page.url()).hash;
  for (const [address, words] of [
    ['#/chats/xyz/info', 'contacts.gone'],
    ['#/chats/xyz/verify', 'chat.gone'],
    ['#/contacts/xyz', 'contacts.gone'],
    [`${chat}/message/zzz`, 'details.gone'],
    [`${chat}?at=zzz`, 'chat.messageGone'],
  ] as const) {
    await tab.goto(`${alice.browser.address}/${address}`);
    await tab.reload();
    await expect(tab.getByText(text(words)).first()).toBeVisible();
  }
  await alice.page.bringToFront();
  await alice.send('still here');
  await bob.sees('still here');
});

test('what the engine cannot read is refused to whoever asked, and stops nobody', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const [worker] = alice.page.workers();
  if (!worker) throw new Error('the app has no worker');
  const answers = await worker.evaluate(async () => {
    const scope = globalThis as unknown as {
      onmessage(event: unknown): void;
      postMessage(message: { type: string; id?: number; result?: unknown }): void;
    };
    const tell = scope.postMessage.bind(scope);
    const ask = (id: number, call: unknown) =>
      new Promise((resolve) => {
        scope.postMessage = (message) => {
          if (message.type === 'result' && message.id === id) resolve(message.result);
          else tell(message);
        };
        scope.onmessage({ data: { type: 'call', id, call } });
      });
    return [
      await ask(90_001, { kind: 'command', command: { type: 'no such command' } }),
      await ask(90_002, {
        kind: 'command',
        command: { type: 'set_draft', conversation_id: 'xyz', text: '' },
      }),
      await ask(90_003, { kind: 'focus', conversationId: 'xyz' }),
      await ask(90_004, { kind: 'query', queries: [{ type: 'no such question' }] }),
    ];
  });
  const refused = {
    kind: 'command',
    result: { type: 'err', refusal: { code: 'invalid', retry_after_s: null } },
  };
  expect(answers).toEqual([
    refused,
    refused,
    { kind: 'refused' },
    { kind: 'query', json: ['{"type":"not_found"}'] },
  ]);
  await alice.send('still here');
  await bob.sees('still here');
  expect(alice.page.workers()).toEqual([worker]);
});

async function rename(person: Person, name: string): Promise<void> {
  await person.signUp();
  await person.goTo('/settings/profile');
  await person.page.getByLabel(text('settings.displayName')).fill(name);
  await person.page.getByRole('button', { name: text('ui.save') }).click();
  await expect(person.page.getByText(text('settings.saved'))).toBeVisible();
  expect(await overhanging(person.page)).toEqual([]);
  await person.goHome();
}

/** How much of the conversation stands below what is shown, in pixels. */
function belowTheFold(): number {
  const log = document.querySelector('[role=log]');
  return log ? log.scrollHeight - log.scrollTop - log.clientHeight : Number.NaN;
}

/** Whether a button of this message's tools lies over its text. */
function coveredWords(message: Element): boolean {
  const text = [...message.querySelectorAll('span[dir=auto]')].at(-1)?.getBoundingClientRect();
  if (!text) throw new Error('the message has no text');
  return [...message.querySelectorAll('button')].some((button) => {
    const { left, right, top, bottom } = button.getBoundingClientRect();
    return left < text.right && right > text.left && top < text.bottom && bottom > text.top;
  });
}
