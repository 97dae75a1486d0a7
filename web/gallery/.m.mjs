import { chromium } from '@playwright/test';
import { readFileSync } from 'node:fs';
const [out, ...files] = process.argv.slice(2);
const b = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const p = await b.newPage({ viewport: { width: 1600, height: 880 } });
await p.setContent(
  '<body style="margin:0;display:flex;gap:8px;background:#888">' +
    files
      .map(
        (f) =>
          `<img style="height:auto;max-width:${Math.floor(1590 / files.length - 8)}px;object-fit:contain;align-self:flex-start" src="data:image/png;base64,${readFileSync('/tmp/uiw/shots/' + f + '.png').toString('base64')}">`,
      )
      .join('') +
    '</body>',
);
await p.waitForTimeout(200);
await p.screenshot({ path: out });
await b.close();
