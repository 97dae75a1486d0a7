import { defineConfig } from '@playwright/test';

/** `./dev bench web`: figures of the app in real browsers against the release binary. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.bench.ts',
  outputDir: '../test-results/bench',
  // A bench ends by itself, whatever happens.
  timeout: 280_000,
  expect: { timeout: 20_000 },
  workers: 1,
  reporter: [['line']],
});
