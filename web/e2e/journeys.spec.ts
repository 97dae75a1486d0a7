/** The first journeys of a person: opening the page, an account, a contact, each counted in interactions and seconds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Locator, Page } from '@playwright/test';
import { Person } from './person';
import { text } from './texts';
import { expect, test } from './world';

const KIB = 1024;
const SHELL_BYTES_MAX = 200 * KIB;
const MODULE_BYTES_MAX = 2 * KIB * KIB;

test('the first page works with 200 KiB and the engine, asks nobody else, and has nothing in the way', async ({
  world,
}) => {
  const { page, address } = await world.browser({ width: 320, height: 640, serviceWorker: false });
  // Away from the app: what its first opening still asks for must not count.
  await page.goto(`${address}/healthz`);
  let shell = 0;
  let module = 0;
  // What is fetched ahead comes last; beyond the budget nothing is answered.
  await page.route('**/*', async (route) => {
    const asked = route.request().url();
    const size = gzipSync(await (await page.request.get(asked)).body()).length;
    if (asked.endsWith('.wasm')) module += size;
    else if (shell + size > SHELL_BYTES_MAX) return route.abort();
    else shell += size;
    return route.continue();
  });
  await page.goto(address);
  const create = page.getByRole('button', { name: text('auth.createAccount') });
  await expect(create).toBeVisible();
  await expect(page.getByRole('dialog').or(page.getByRole('alertdialog'))).toHaveCount(0);
  await create.click();
  await expect(page.getByLabel(text('auth.handle'))).toBeVisible();
  expect(module, 'the engine was fetched').toBeGreaterThan(0);
  expect(module).toBeLessThanOrEqual(MODULE_BYTES_MAX);
});

test('an account takes four interactions and thirty seconds, and nothing but a handle and a password', async ({
  world,
}) => {
  const alice = new Person(await world.browser(), 'alice');
  const started = Date.now();
  await alice.signUp();
  expect(Date.now() - started).toBeLessThan(30_000);
  expect(alice.browser.interactions).toBeLessThanOrEqual(4);
  // The recovery kit is offered in the list, and can wait.
  await expect(alice.page.getByRole('link', { name: new RegExp(text('chats.saveKit')) })).toBeVisible();
  await expect(alice.page.getByRole('dialog')).toHaveCount(0);
});

test('the form of a new account says how this device keeps the keys', async ({ world }) => {
  const { page } = await world.browser();
  await page.getByRole('button', { name: text('auth.createAccount') }).click();
  await expect(page.getByText(text('auth.deviceRemembered'))).toBeVisible();
  await expect(page.locator('input')).toHaveCount(2);
});

test('a code on a screen is scanned in three interactions, while its owner is away', async ({ world }) => {
  const folder = mkdtempSync(join(tmpdir(), 'securechat-camera-'));
  try {
    const alice = new Person(await world.browser(), 'alice');
    await alice.signUp();
    await alice.goTo('/add');
    const code = alice.page.getByRole('img', { name: text('contacts.yourCode') });
    await expect(code).toBeVisible();
    await expect(alice.page.getByText(/#[A-Za-z0-9_-]{16}/).first()).toBeVisible();
    const camera = join(folder, 'camera.y4m');
    writeFileSync(camera, await film(code));
    await alice.browser.close();

    const bob = new Person(await world.browser({ camera, allowed: ['camera'] }), 'bob');
    await bob.signUp();
    const before = bob.browser.interactions;
    const started = Date.now();
    await bob.browser.click(bob.page.getByRole('button', { name: text('chats.new') }));
    await bob.browser.click(bob.page.getByRole('button', { name: text('contacts.scan') }));
    await expect(bob.composer).toBeVisible();
    // Holding the camera towards the code is the third.
    expect(bob.browser.interactions + 1 - before).toBeLessThanOrEqual(3);
    expect(Date.now() - started).toBeLessThan(15_000);
    await bob.send('found you by your code');
    await bob.seesState('found you by your code', 'Sent');

    await alice.browser.open();
    await alice.acceptRequest('bob');
    await alice.sees('found you by your code');
    await bob.seesState('found you by your code', 'Delivered');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** One frame of raw video (YUV4MPEG2, 640 x 480) with what `code` shows in its middle. */
async function film(code: Locator): Promise<Buffer> {
  const [width, height] = [640, 480];
  const picture = (await code.screenshot()).toString('base64');
  const luma = await onPlainPage(code.page(), async (page) =>
    page.evaluate(
      async ({ picture, width, height }) => {
        const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d');
        if (!context) throw new Error('no canvas');
        context.fillStyle = '#fff';
        context.fillRect(0, 0, width, height);
        const side = height - 80;
        context.imageSmoothingEnabled = false;
        context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side);
        const { data } = context.getImageData(0, 0, width, height);
        return Array.from({ length: width * height }, (_, at) => data[at * 4] ?? 0);
      },
      { picture, width, height },
    ),
  );
  return Buffer.concat([
    Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420mpeg2\nFRAME\n`),
    Buffer.from(luma),
    // No colour.
    Buffer.alloc((width * height) / 2, 128),
  ]);
}

/** The app's page forbids what a plain one allows. */
async function onPlainPage<T>(near: Page, act: (page: Page) => Promise<T>): Promise<T> {
  const page = await near.context().newPage();
  try {
    return await act(page);
  } finally {
    await page.close();
  }
}
