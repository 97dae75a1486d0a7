import { chromium } from '@playwright/test';
const b = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const p = await b.newPage({ viewport: { width: 390, height: 844 }, hasTouch: true });
await p.goto('http://localhost:5199/?theme=light#/chats/mara');
await p.waitForTimeout(800);
console.log(
  await p.evaluate(() => [
    document.documentElement.scrollWidth,
    ...[...document.querySelectorAll('*')]
      .filter((e) => e.getBoundingClientRect().right > 391 || e.getBoundingClientRect().left < -1)
      .slice(0, 8)
      .map((e) => e.tagName + ' ' + e.className + ' ' + JSON.stringify(e.getBoundingClientRect())),
  ]),
);
await b.close();
