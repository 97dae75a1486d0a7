import { defineConfig } from '@playwright/test';

/** `npm run shots`: every screen and state as an image, into `SHOTS_DIR` (default `test-results/shots`). */
export default defineConfig({
  testDir: '.',
  testMatch: 'shots.ts',
  outputDir: '../test-results/shots-run',
  timeout: 600_000,
  expect: { timeout: 15_000 },
  workers: 1,
  reporter: [['list']],
});
