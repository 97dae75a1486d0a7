/**
 * What can happen to a browser's storage, brought about in the real storage of a real profile.
 * Everything is done on a page of the origin without the app, so that nothing else holds the files.
 */
import { expect, type Page } from '@playwright/test';
import type { BootFailure } from '../src/core/state';
import type { Browser } from './browser';
import { text } from './texts';

const MODULE = /\.wasm$/;
/** The service worker answers everything else with the app. */
const WITHOUT_APP = '/healthz';
/** The pool of files below the encrypted store. What says which file and which key stands in the first pages. */
const POOL = { folder: 'securechat', database: '/store.db', first: 16 * 1024 };

/** `no_storage` is a setting of the browser: `keepsNothing` in browser.ts. */
export type Ruin = Exclude<BootFailure, 'no_storage'>;

/** Leaves the browser's first page open on the app, which finds its storage in the state that leads to `kind`. */
export async function ruin(browser: Browser, kind: Ruin): Promise<void> {
  const page = await away(browser);
  switch (kind) {
    case 'locked_by_another':
      // Another tab, out of the app's reach, that writes to the files.
      await onFiles(await browser.newTab(WITHOUT_APP), 'hold');
      break;
    case 'too_new':
      await changeVault(page, 'later version');
      break;
    case 'wrong_key':
      await changeVault(page, 'other key');
      break;
    case 'key_missing':
      await changeVault(page, 'gone');
      break;
    case 'corrupt':
      await overwrite(browser);
      break;
    case 'evicted':
      await browser.close();
      browser.evict();
      await browser.open();
      return;
    case 'full':
      await limitStorage(page, browser.address);
      // What is there can be read; the first thing that has to be written tells.
      await page.goto(browser.address);
      await page.evaluate(() => (location.hash = '#/settings/profile'));
      await page.getByLabel(text('settings.displayName')).fill('Heidi');
      await page.getByRole('button', { name: text('ui.save') }).click();
      await expect(page.getByText(text('refusal.storageFull'))).toBeVisible();
      await page.evaluate(() => (location.hash = '#/'));
      return;
    case 'crashed':
      await page.route(MODULE, (route) => route.abort());
      break;
  }
  await page.goto(browser.address);
}

/** Leaves the app and waits until its worker has let go: browsers free a left page's files a moment later. */
async function away(browser: Browser): Promise<Page> {
  const { page } = browser;
  await page.goto(browser.address + WITHOUT_APP);
  await expect.poll(() => onFiles(page, 'try')).toBe('done');
  return page;
}

/**
 * A log cut short is an older store, not a damaged one: the noise must hit the database itself, which holds something
 * only after the app was left in peace.
 */
async function overwrite(browser: Browser): Promise<void> {
  await expect(async () => {
    if ((await onFiles(browser.page, 'overwrite')) === 'done') return;
    await browser.page.goto(browser.address);
    await expect(browser.page.getByRole('button', { name: text('chats.new') })).toBeVisible();
    await away(browser);
    throw new Error('not yet');
  }).toPass();
}

/** `try`: can they be written? `hold`: keep them open for writing. `overwrite`: noise over the database. */
function onFiles(page: Page, task: 'try' | 'hold' | 'overwrite'): Promise<'done' | 'in use'> {
  return page.evaluate(
    async ({ task, pool }) => {
      const writers: FileSystemWritableFileStream[] = [];
      let overwritten = false;
      try {
        // The list first: a file that is being written lies beside itself under another name.
        for (const file of await files()) {
          const { size } = await file.getFile();
          const writer = await file.createWritable({ keepExistingData: true });
          writers.push(writer);
          if (task !== 'overwrite' || size <= pool.first || (await nameOf(file)) !== pool.database) continue;
          const noise = new Uint8Array(size - pool.first).fill(7);
          await writer.write({ type: 'write', position: pool.first, data: noise });
          overwritten = true;
        }
      } catch (error) {
        await Promise.all(writers.map((writer) => writer.abort()));
        if ((error as DOMException).name === 'NoModificationAllowedError') return 'in use';
        throw error;
      }
      // What is not referred to any more, the browser closes.
      if (task === 'hold') (globalThis as { held?: unknown }).held = writers;
      else if (task === 'overwrite') await Promise.all(writers.map((writer) => writer.close()));
      else await Promise.all(writers.map((writer) => writer.abort()));
      return task !== 'overwrite' || overwritten ? 'done' : 'in use';

      /** Each file of the pool begins with the path it stands for. */
      async function nameOf(file: FileSystemFileHandle): Promise<string> {
        const start = await (await file.getFile()).slice(0, 512).text();
        return start.split('\0')[0] ?? '';
      }

      async function files(): Promise<FileSystemFileHandle[]> {
        const root = await navigator.storage.getDirectory();
        const folder = await root.getDirectoryHandle(pool.folder).catch(() => null);
        return folder ? below(folder) : [];
      }

      async function below(folder: FileSystemDirectoryHandle): Promise<FileSystemFileHandle[]> {
        const found: FileSystemFileHandle[] = [];
        // Not in the DOM library of this TypeScript version.
        const entries = (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values();
        for await (const entry of entries)
          if (entry.kind === 'file') found.push(entry as FileSystemFileHandle);
          else found.push(...(await below(entry as FileSystemDirectoryHandle)));
        return found;
      }
    },
    { task, pool: POOL },
  );
}

async function limitStorage(page: Page, origin: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1024 });
}

/** The vault's record in IndexedDB. */
async function changeVault(page: Page, change: 'later version' | 'other key' | 'gone'): Promise<void> {
  await page.evaluate(
    (change) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('securechat-vault', 1);
        opening.onerror = () => reject(new Error('no vault'));
        opening.onsuccess = () => {
          const store = opening.result.transaction('vault', 'readwrite').objectStore('vault');
          const reading = store.get('record');
          reading.onsuccess = () => {
            const record = reading.result as {
              version: number;
              envelopes: { wrapped: { ciphertext: Uint8Array } }[];
            };
            if (change === 'later version') record.version = 2;
            if (change === 'other key') record.envelopes[0]?.wrapped.ciphertext.fill(7);
            if (change === 'gone') store.delete('record');
            else store.put(record, 'record');
          };
          store.transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
          store.transaction.onabort = () => reject(new Error('the vault did not change'));
        };
      }),
    change,
  );
}
