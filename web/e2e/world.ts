/** The fixtures of the whole-system tests: a relay and browsers, freed at the end, and what must never have happened. */
import { expect, test as base } from '@playwright/test';
import { Browser, type BrowserOptions } from './browser';
import { Relay } from './relay';

export interface World {
  relay: Relay;
  /** A browser of a new person, with the app open. */
  browser(options?: BrowserOptions): Promise<Browser>;
}

export const test = base.extend<{ world: World }>({
  // The first argument's pattern is how Playwright finds dependencies; there are none.
  world: async ({}, provide) => {
    const relay = new Relay();
    const browsers: Browser[] = [];
    try {
      await relay.start();
      await provide({
        relay,
        browser: async (options) => {
          const browser = await Browser.start(relay.url, options);
          browsers.push(browser);
          return browser;
        },
      });
      const violations = browsers.flatMap((browser) => browser.violations);
      expect(violations, 'the content policy was violated').toEqual([]);
    } finally {
      for (const browser of browsers) await browser.free();
      await relay.free();
    }
  },
});

export { expect };
