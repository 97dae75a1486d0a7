/** The fixtures of the whole-system tests: a relay, browsers, terminals, freed at the end, and what must never have happened. */
import { expect, test as base } from '@playwright/test';
import { Browser, type BrowserOptions } from './browser';
import { Relay } from './relay';
import { Terminal } from './terminal';

export interface World {
  relay: Relay;
  /** A browser of a new person, with the app open. */
  browser(options?: BrowserOptions): Promise<Browser>;
  /** A person at the command line, without an account yet. */
  terminal(handle: string): Terminal;
}

export const test = base.extend<{ world: World }>({
  // The first argument's pattern is how Playwright finds dependencies; there are none.
  world: async ({}, provide, info) => {
    const relay = new Relay();
    const browsers: Browser[] = [];
    const terminals: Terminal[] = [];
    try {
      await relay.start();
      await provide({
        relay,
        browser: async (options) => {
          const browser = new Browser(relay.url, options);
          browsers.push(browser);
          await browser.open();
          return browser;
        },
        terminal: (handle) => {
          const terminal = new Terminal(relay.url, handle);
          terminals.push(terminal);
          return terminal;
        },
      });
      if (info.status !== info.expectedStatus)
        for (const browser of browsers) console.log(await browser.describe());
      const violations = browsers.flatMap((browser) => browser.violations);
      expect(violations, 'the content policy was violated').toEqual([]);
      const strangers = browsers.flatMap((browser) => browser.strangers);
      expect(strangers, 'something other than the relay was asked').toEqual([]);
    } finally {
      for (const browser of browsers) await browser.free();
      for (const terminal of terminals) terminal.free();
      await relay.free();
    }
  },
});

export { expect };
