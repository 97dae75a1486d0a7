import { defineConfig } from '@playwright/test';

/** Whole-system tests: real browsers, the real server binary. Each test brings its own of both. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../test-results',
  timeout: 90_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  // Two browsers and a server are enough for two cores.
  workers: 1,
  reporter: process.env['CI']
    ? [['list']]
    : [['list'], ['html', { open: 'never', outputFolder: '../playwright-report' }]],
  forbidOnly: true,
});
