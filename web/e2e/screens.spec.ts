import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import { Cast } from './cast';
import { lastScreens, missingRoutes, screens } from './screens';
import { acquainted, Person } from './person';
import { text } from './texts';
import { expect, test } from './world';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Finding {
  id: string;
  impact: string | null;
  nodes: { html: string }[];
}

test('every route of the app stands in the table of screens', () => {
  expect(missingRoutes()).toEqual([]);
});

test('no screen has a serious accessibility finding or scrolls sideways at 320 px', async ({ world }) => {
  test.setTimeout(900_000);
  const cast = await Cast.gather(world);
  const faults: string[] = [];
  for (const { width, height, dark } of [
    { width: 1280, height: 800, dark: false },
    { width: 390, height: 844, dark: true },
    { width: 320, height: 640, dark: true },
  ]) {
    for (const person of Object.values(cast.people)) {
      await person.page.setViewportSize({ width, height });
      await person.page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
    }
    // The last ones change the world for good, so they are seen once, on the small screen.
    for (const screen of width === 320 ? [...screens, ...lastScreens] : screens) {
      await test.step(`${screen.name} at ${width}`, async () => {
        const page = await cast.show(screen);
        await page.setViewportSize({ width, height });
        for (const finding of await findings(page)) {
          faults.push(`${screen.name} at ${width}: ${finding.id}: ${finding.nodes[0]?.html ?? ''}`);
        }
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) faults.push(`${screen.name} at ${width}: ${overflow} px too wide`);
        for (const words of await page.evaluate(aboveTheTop)) {
          faults.push(`${screen.name} at ${width}: no scrolling reaches ${words}`);
        }
      });
    }
  }
  expect(faults).toEqual([]);
});

test('the main journey works with the keyboard alone', async ({ world }) => {
  const bob = new Person(await world.browser(), 'bob');
  await bob.signUp();
  const alice = new Person(await world.browser(), 'alice');
  const { page } = alice;
  await expect(page.getByText(text('auth.promise'))).toBeVisible();
  await tabTo(page, text('auth.createAccount'));
  await page.keyboard.press('Enter');
  // The first field has the focus.
  await expect(page.getByLabel(text('auth.handle'))).toBeFocused();
  await page.keyboard.type('alice');
  await tabTo(page, text('auth.password'));
  await page.keyboard.type('a long enough password');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: text('chats.new') })).toBeVisible({ timeout: 30_000 });
  await page.keyboard.press('Alt+Shift+N');
  await expect(page.getByLabel(text('contacts.theirs'))).toBeFocused();
  await page.keyboard.type('@bob');
  await page.keyboard.press('Enter');
  await expect(alice.composer).toBeVisible();
  await tabTo(page, text('chat.placeholder', { name: 'bob' }));
  await page.keyboard.type('no mouse was used');
  await page.keyboard.press('Enter');
  await alice.seesState('no mouse was used', 'Sent');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('bob');
  await expect(page.getByRole('option', { name: 'bob' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(alice.composer).toBeFocused();
});

test('the focus is where one would go on: in an opened chat, after an edit, from region to region', async ({
  world,
}) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const { page } = alice;
  const row = page.locator('[data-chat]');
  await alice.goHome();
  await expect(alice.composer).toHaveCount(0);
  await row.focus();
  await page.keyboard.press('Enter');
  await expect(alice.composer).toBeFocused();

  for (const [ending, words] of [
    ['Escape', 'first words'],
    ['Enter', 'first words, changed'],
  ] as const) {
    await page.keyboard.press('ArrowUp');
    await expect(alice.composer).toHaveValue('first words');
    await expect(alice.composer).toBeFocused();
    await page.keyboard.type(', changed');
    await expect(alice.composer).toHaveValue('first words, changed');
    await page.keyboard.press(ending);
    await expect(alice.composer).toHaveValue('');
    await expect(alice.composer).toBeFocused();
    await alice.sees(words);
  }

  const message = page.getByRole('log').locator('[data-message]:focus');
  const rail = page.getByRole('navigation', { name: text('ui.mainNavigation') }).locator('[aria-current]');
  const round = [rail, row, page.locator('header a[href*="/info"]'), message, alice.composer];
  for (const region of round) {
    await page.keyboard.press('F6');
    await expect(region).toBeFocused();
  }
  for (const region of [...round.slice(0, -1).reverse(), alice.composer]) {
    await page.keyboard.press('Shift+F6');
    await expect(region).toBeFocused();
  }
});

test('the focus stays among the messages when its message is scrolled away or deleted', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const { page } = alice;
  await page.setViewportSize({ width: 1280, height: 420 });
  for (let line = 1; line <= 16; line += 1) await alice.send(`line ${line}`);
  const log = page.getByRole('log');
  const focused = log.locator('[data-message]:focus');
  await expect(log.getByText('line 16')).toBeInViewport();
  await page.keyboard.press('Shift+F6');
  await expect(focused).toContainText('line 16');
  await log.hover();
  await page.mouse.wheel(0, -4_000);
  await expect(log.getByText('first words', { exact: true })).toBeInViewport();
  await page.keyboard.press('ArrowUp');
  await expect(focused).toContainText('line 15');
  await expect(focused).toBeInViewport();

  await page.keyboard.press('Delete');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(focused).toContainText('line 16');
  await page.keyboard.press('ArrowUp');
  await expect(focused).toContainText('line 14');
});

test('the focus follows End to rows that were never drawn', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const { page } = alice;
  await page.setViewportSize({ width: 1280, height: 420 });
  for (let line = 1; line <= 12; line += 1) await alice.send(`line ${line}`);
  const log = page.getByRole('log');
  const focused = log.locator('[data-message]:focus');
  await expect(log.getByText('line 12')).toBeInViewport();
  await page.keyboard.press('Shift+F6');
  await expect(focused).toContainText('line 12');
  await page.keyboard.press('Home');
  await expect(log.getByText('first words', { exact: true })).toBeInViewport();
  for (let line = 1; line <= 40; line += 1) await bob.send(`below ${line}`);
  await expect(page.locator('[data-chat]')).toContainText('below 40');
  await page.keyboard.press('End');
  await expect(focused).toContainText('below 40');
  await expect(focused).toBeInViewport();
});

test('the focus enters the messages where the eye is, and goes on from a search at its hit', async ({
  world,
}) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const { page } = alice;
  await page.setViewportSize({ width: 1280, height: 420 });
  for (let line = 1; line <= 40; line += 1) await alice.send(`line ${line}.`);
  const log = page.getByRole('log');
  const focused = log.locator('[data-message]:focus');
  const top = () => log.evaluate((element) => element.scrollTop);
  await expect(log.getByText('line 40.')).toBeInViewport();
  await log.hover();
  await page.mouse.wheel(0, -4_000);
  await expect(log.getByText('first words', { exact: true })).toBeInViewport();
  const before = await top();
  await page.keyboard.press('Shift+F6');
  await expect(focused).toBeInViewport();
  expect(await top()).toBe(before);

  await page.keyboard.press('Control+f');
  await page.keyboard.type('line 25.');
  await expect(log.getByText('line 25.')).toBeInViewport();
  await alice.composer.focus();
  await page.keyboard.press('Shift+F6');
  await expect(focused).toContainText('line 25.');
});

test('the focus goes on where one would after a search and after an undone deletion', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await acquainted(alice, bob);
  const { page } = alice;
  await page.setViewportSize({ width: 1280, height: 420 });
  for (let line = 1; line <= 16; line += 1) await alice.send(`line ${line}.`);
  const log = page.getByRole('log');
  const focused = log.locator('[data-message]:focus');

  await page.keyboard.press('Control+f');
  await page.keyboard.press('Escape');
  await expect(alice.composer).toBeFocused();
  await page.keyboard.press('Control+f');
  await page.keyboard.type('line 5.');
  await expect(log.getByText('line 5.', { exact: true })).toBeInViewport();
  await page.keyboard.press('Escape');
  await expect(focused).toContainText('line 5.');

  const undo = page.getByRole('button', { name: text('ui.undo') });
  const remove = async () => {
    await page.keyboard.press('Delete');
    await expect(page.getByRole('dialog')).toBeVisible();
    await page.keyboard.press('Enter');
    await expect(focused).toContainText('line 6.');
    for (let presses = 0; presses < 20; presses += 1) {
      if (await undo.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press('Tab');
    }
  };
  await remove();
  await page.keyboard.press('Enter');
  await expect(focused).toContainText('line 5.');

  // A notice that leaves by itself gives the focus back.
  await remove();
  await expect(undo).toBeFocused();
  await expect(undo).toHaveCount(0, { timeout: 10_000 });
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe('BODY');

  // The mouse takes no focus from where somebody writes.
  await alice.menu('line 7.', text('chat.delete'));
  await page.getByRole('button', { name: text('chat.deleteForMe') }).click();
  await alice.composer.fill('half a');
  await undo.click();
  await expect(log.getByText('line 7.', { exact: true })).toBeVisible();
  await page.keyboard.type(' word');
  await expect(alice.composer).toHaveValue('half a word');
});

/** Serious and critical findings of axe for WCAG 2.2 AA. It runs through the debugger, past the content policy. */
async function findings(page: Page): Promise<Finding[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const all = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: Finding[] }> };
    };
    const result = await axe.run({
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
      rules: { 'landmark-one-main': { enabled: true } },
    });
    return result.violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      nodes: nodes.map(({ html }) => ({ html })),
    }));
  });
  return all.filter(
    ({ id, impact }) => impact === 'serious' || impact === 'critical' || id === 'landmark-one-main',
  );
}

/** In the page: what stands above the beginning of the area that scrolls it. */
function aboveTheTop(): string[] {
  const scrollers = [...document.querySelectorAll('body *')].filter(
    (element) => /auto|scroll/.test(getComputedStyle(element).overflowY) && element.role !== 'log',
  );
  return scrollers.flatMap((scroller) => {
    const start = scroller.getBoundingClientRect().top - scroller.scrollTop;
    return [...scroller.querySelectorAll('h1, h2, h3, p, svg, button')]
      .filter((element) => {
        const { height, top } = element.getBoundingClientRect();
        return height > 1 && top < start - 1;
      })
      .map((element) => `${element.tagName} ${element.textContent.slice(0, 40)}`);
  });
}

/** Presses Tab until the control of that name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const wanted = page
    .getByLabel(name, { exact: true })
    .or(page.getByRole('button', { name, exact: true }))
    .first();
  for (let presses = 0; presses < 40; presses += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${name} is not reached with Tab`);
}
