/** Draws the PNG icons of the manifest from `public/icon.svg`: `node scripts/icons.mjs`. The results are committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from '@playwright/test';

const PUBLIC = new URL('../public/', import.meta.url);
const BACKGROUND = '#3F51B5';
/** A maskable icon keeps its picture inside the middle 80 %. */
const icons = [
  { file: 'icon-192.png', size: 192, scale: 1, background: 'transparent' },
  { file: 'icon-512.png', size: 512, scale: 1, background: 'transparent' },
  { file: 'icon-maskable-512.png', size: 512, scale: 0.8, background: BACKGROUND },
];

const svg = readFileSync(new URL('icon.svg', PUBLIC), 'utf8');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage();
  for (const { file, size, scale, background } of icons) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(
      `<style>html,body{margin:0;background:${background}}div{width:${size}px;height:${size}px;display:grid;place-items:center}` +
        `svg{width:${size * scale}px;height:${size * scale}px}</style><div>${svg}</div>`,
    );
    writeFileSync(new URL(file, PUBLIC), await page.screenshot({ omitBackground: true }));
  }
} finally {
  await browser.close();
}
