/** What a first visit costs: bytes on the wire, and the time until something can be done. */
import { get } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Page } from '@playwright/test';
import { text } from '../e2e/texts';
import { figure, median } from './figures';

const COLD_LOADS = 3;

interface Visit {
  paint: number;
  usable: number;
  urls: string[];
}

export async function firstLoad(page: Page, origin: string): Promise<void> {
  const visits: Visit[] = [];
  for (let count = 0; count < COLD_LOADS; count += 1) visits.push(await visit(page, origin));
  figure('first_paint_ms', median(visits.map((one) => one.paint)), 'ms');
  figure('cold_usable_ms', median(visits.map((one) => one.usable)), 'ms');
  await weigh([...new Set(visits.flatMap((one) => one.urls))]);
}

/** Opens the app as in a browser that never saw it: no cache, no storage, no service worker. */
async function visit(page: Page, origin: string): Promise<Visit> {
  await page.goto('about:blank');
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
  await session.send('Network.clearBrowserCache');
  await session.detach();
  const urls: string[] = [];
  const note = (request: { url(): string }) => {
    const url = new URL(request.url());
    if (url.origin === origin && !url.pathname.startsWith('/v1/')) urls.push(url.href);
  };
  page.on('request', note);
  await page.goto(`${origin}/`);
  // The worker has opened its store when the first button can be pressed.
  const label = text('auth.createAccount');
  const button = page.getByRole('button', { name: label });
  await button.waitFor();
  const times = await page.evaluate((wanted) => {
    return new Promise<{ paint: number; usable: number }>((resolve) => {
      let usable: number | undefined;
      const look = () => {
        const found = [...document.querySelectorAll('button, a')].some(
          (element) => element.textContent.includes(wanted) && !element.hasAttribute('disabled'),
        );
        if (found) usable ??= performance.now();
        const [paint] = performance.getEntriesByName('first-contentful-paint');
        // The browser tells of its first paint a moment after it.
        if (usable !== undefined && paint) resolve({ paint: paint.startTime, usable });
        else requestAnimationFrame(look);
      };
      look();
    });
  }, label);
  await page.waitForLoadState('networkidle');
  page.off('request', note);
  return { ...times, urls };
}

/** The bytes of every file of a first visit, as the server sends them, and scripts and styles as gzip. */
async function weigh(urls: string[]): Promise<void> {
  const background = await fetchedWhileTyping(urls);
  let [wire, wasm, shell, chats] = [0, 0, 0, 0];
  for (const url of urls) {
    const sent = (await fetched(url, 'br')).length;
    wire += sent;
    if (url.endsWith('.wasm')) wasm += sent;
    else if (/(\/|\.js|\.css)$/.test(url)) {
      const zipped = gzipSync(await fetched(url, 'identity'), { level: 9 }).length;
      if (background.includes(url)) chats += zipped;
      else shell += zipped;
    }
  }
  figure('first_load_kb', wire / 1000, 'kB');
  figure('wasm_brotli_kb', wasm / 1000, 'kB');
  figure('shell_gzip_kb', shell / 1000, 'kB');
  figure('chats_gzip_kb', chats / 1000, 'kB');
}

/** The screens behind the sign-up, which the welcome screen asks for but does not need, and what only they import. */
async function fetchedWhileTyping(urls: string[]): Promise<string[]> {
  const screens = urls.find((url) => url.includes('/SignedIn-'));
  const entry = urls.find((url) => url.includes('/index-') && url.endsWith('.js'));
  if (screens === undefined || entry === undefined) throw new Error('the app was built in another way');
  const needed = (await fetched(entry, 'identity')).toString();
  const imports = [
    ...(await fetched(screens, 'identity')).toString().matchAll(/from\s*["']\.\/([^"']+)["']/g),
  ]
    .map((match) => match[1] ?? '')
    .filter(
      (name) => name !== '' && !entry.endsWith(name) && !new RegExp(`from\\s*["']\\./${name}`).test(needed),
    );
  return urls.filter((url) => url === screens || imports.some((name) => url.endsWith(`/${name}`)));
}

/** The body as it is on the wire: nothing is unpacked. */
function fetched(url: string, encoding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': encoding } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    }).on('error', reject);
  });
}
