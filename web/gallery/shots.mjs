// Screenshots of the gallery: `node gallery/shots.mjs OUT [filter]`, with the gallery running. Also runs axe on each.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from '@playwright/test';

const [out = 'gallery-shots', filter = ''] = process.argv.slice(2);
const base = process.env.GALLERY ?? 'http://localhost:5199/';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screens = {
  welcome: '?state=none#/',
  signup: '?state=none#/signup',
  login: '?state=none#/login',
  'server-before': '?state=none#/server',
  locked: '?state=locked',
  failed: '?state=failed:corrupt',
  removed: '?state=removed',
  empty: '?state=empty#/',
  list: '#/',
  offline: '?state=offline#/chats/mara',
  'signed-out': '?state=signed_out#/',
  requests: '#/requests',
  request: '#/chats/ask',
  conversation: '#/chats/mara',
  'conversation-long': '#/chats/theo',
  'conversation-identity': '#/chats/jonas',
  'conversation-blocked': '#/chats/davit',
  gone: '#/chats/gone',
  info: '#/chats/mara/info',
  details: '#/chats/mara/message/m5',
  verify: '#/chats/mara/verify',
  new: '#/new',
  add: '#/add',
  ...Object.fromEntries(
    'profile privacy notifications appearance storage sessions recovery blocked language accessibility shortcuts server about'
      .split(' ')
      .map((page) => [`settings-${page}`, `#/settings/${page}`]),
  ),
};
const sizes = { 1280: [1280, 800], 390: [390, 844], 320: [320, 640] };
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let serious = 0;
for (const theme of ['light', 'dark'])
  for (const [size, [width, height]] of Object.entries(sizes)) {
    const context = await browser.newContext({ viewport: { width, height }, hasTouch: width < 700 });
    for (const [name, path] of Object.entries(screens)) {
      const id = `${name}-${size}-${theme}`;
      if (!id.includes(filter)) continue;
      const page = await context.newPage();
      page.on('pageerror', (error) => console.log(id, 'page error:', error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') console.log(id, 'console:', message.text().slice(0, 200));
      });
      const [query, hash = ''] = path.split('#');
      await page.goto(`${base}${query ? `${query}&` : '?'}theme=${theme}${hash && `#${hash}`}`);
      await page.waitForTimeout(900);
      await page.screenshot({ path: `${out}/${id}.png` });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      if (wide) console.log(id, 'scrolls sideways');
      await page.evaluate(axe);
      const found = await page.evaluate(() =>
        axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
      );
      for (const violation of found.violations) {
        if (violation.impact === 'serious' || violation.impact === 'critical') serious += 1;
        console.log(
          id,
          violation.impact,
          violation.id,
          violation.nodes[0].html.slice(0, 160),
          violation.nodes[0].any[0]?.message ?? '',
        );
      }
      await page.close();
    }
    await context.close();
  }
await browser.close();
console.log(`${serious} serious findings`);
