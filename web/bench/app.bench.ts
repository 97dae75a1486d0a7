/** The app in real browsers against the real server: what a person waits for. Method: docs/benchmarks.md. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { Person } from '../e2e/person';
import { text } from '../e2e/texts';
import { expect, test } from '../e2e/world';
import { figure, median, share } from './figures';
import { firstLoad } from './load';

const QUICK = Boolean(process.env['BENCH_QUICK']);
/** Messages whose way to the other screen is timed. */
const TIMED = QUICK ? 30 : 60;
/** Messages in the conversation that is opened and scrolled, or as many as a busy machine sends in the time. */
const LONG = QUICK ? 200 : 1000;
const FILL_MS = QUICK ? 10_000 : 75_000;
const FRAMES = 240;
const OPENINGS = 5;

declare global {
  interface Window {
    /** Text of a message -> when its author pressed Enter, or when it stood on the screen; ms since 1970. */
    benchTimes?: Map<string, number>;
  }
}

test('figures', async ({ world }) => {
  const [alice, bob] = [new Person(await world.browser(), 'alice'), new Person(await world.browser(), 'bob')];
  await firstLoad(alice.page, world.relay.url);

  const started = performance.now();
  alice.browser.interactions = 0;
  await alice.page.goto(`${world.relay.url}/`);
  await signUp(alice);
  const signedUp = performance.now();
  await bob.signUp();
  const others = performance.now() - signedUp;
  await alice.addByHandle('bob');
  await alice.send('first words');
  await alice.seesState('first words', 'Sent');
  const { interactions } = alice.browser;
  await bob.acceptRequest();
  await bob.sees('first words');
  // What the other person needs for an account of their own is not on this person's way.
  figure('first_message_s', (performance.now() - started - others) / 1000, 's');
  figure('first_message_interactions', interactions, '');
  await bob.send('words back');
  await alice.sees('words back');

  await sendToRendered(alice, bob);
  await fill(alice, bob);
  await openings(bob);
  await scrolling(bob.page);
  await memory(bob.page);
});

/** From the click on "create account" to the chat list: keys, OPAQUE, server, store. */
async function signUp(person: Person): Promise<void> {
  const { browser, page } = person;
  const create = page.getByRole('button', { name: text('auth.createAccount') });
  await browser.click(create);
  await browser.type(page.getByLabel(text('auth.handle')), person.handle);
  await browser.type(page.getByLabel(text('auth.password'), { exact: true }), 'a long enough password');
  const start = performance.now();
  await browser.click(create);
  await expect(page.getByRole('button', { name: text('chats.new') })).toBeVisible({ timeout: 30_000 });
  figure('sign_up_ms', performance.now() - start, 'ms');
}

/** From Enter in one browser to the frame that shows the words in the other; both clocks are this machine's. */
async function sendToRendered(from: Person, to: Person): Promise<void> {
  await watch(from.page, false);
  await watch(to.page, true);
  for (let number = 0; number < TIMED; number += 1) {
    await from.send(`timed ${number}.`);
    await to.sees(`timed ${number}.`);
  }
  const read = (page: Page) => page.evaluate(() => [...(window.benchTimes ?? [])]);
  const shown = new Map(await read(to.page));
  const waits = (await read(from.page)).flatMap(([words, at]) => {
    const seen = shown.get(words);
    return seen === undefined ? [] : [seen - at];
  });
  expect(waits.length, 'timed messages').toBe(TIMED);
  figure('send_to_rendered_p50_ms', median(waits), 'ms');
  figure('send_to_rendered_p95_ms', share(waits, 95), 'ms');
}

/** Notes when Enter is pressed in the composer (sender), or when a message stands on the screen (receiver). */
async function watch(page: Page, receives: boolean): Promise<void> {
  await page.evaluate((isReceiver) => {
    const times = new Map<string, number>();
    window.benchTimes = times;
    const now = () => performance.timeOrigin + performance.now();
    if (!isReceiver) {
      const note = (event: KeyboardEvent) => {
        if (event.key === 'Enter' && event.target instanceof HTMLTextAreaElement)
          times.set(event.target.value, now());
      };
      document.addEventListener('keydown', note, { capture: true });
      return;
    }
    const look = () => {
      for (const article of [...document.querySelectorAll('[data-message]')].slice(-5)) {
        const words = /timed \d+\./.exec(article.textContent)?.[0];
        if (words === undefined || times.has(words)) continue;
        times.set(words, Number.NaN);
        requestAnimationFrame(() => times.set(words, now()));
      }
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  }, receives);
}

async function fill(from: Person, to: Person): Promise<void> {
  const words = (number: number) =>
    `${number} a message of ordinary length, as people write them to each other all day long`;
  let number = 0;
  const started = performance.now();
  while (number < LONG && performance.now() - started < FILL_MS) {
    number += 1;
    await from.send(words(number));
    // No faster than the other side reads: what is measured afterwards is a screen, not a queue.
    if (number % 20 === 0) await to.sees(words(number));
  }
  await to.sees(words(number));
  figure('messages_in_chat', number, '');
}

/** A reload until the chat list stands, and from a click on the chat to its messages. */
async function openings(person: Person): Promise<void> {
  const { page } = person;
  const [reloads, chats]: [number[], number[]] = [[], []];
  for (let count = 0; count < OPENINGS; count += 1) {
    await page.goto('about:blank');
    await page.goto(`${person.browser.address}/#/`);
    reloads.push(await page.evaluate(until, 'a[href*="#/chats/"]'));
    const start = await page.evaluate(() => {
      document.querySelector<HTMLElement>('a[href*="#/chats/"]')?.click();
      return performance.now();
    });
    chats.push((await page.evaluate(until, '[role=log] [data-message]')) - start);
  }
  figure('reload_to_chats_ms', median(reloads), 'ms');
  figure('open_chat_ms', median(chats), 'ms');
}

/** The page's clock in the frame after `selector` is there. */
function until(selector: string): Promise<number> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.querySelector(selector)) requestAnimationFrame(() => resolve(performance.now()));
      else requestAnimationFrame(look);
    };
    look();
  });
}

/** Scrolls up through the conversation, older pages included, and measures every frame. */
async function scrolling(page: Page): Promise<void> {
  const times = await page.evaluate((frames) => {
    const log = document.querySelector<HTMLElement>('[role=log]');
    if (!log) throw new Error('no conversation is open');
    return new Promise<number[]>((resolve) => {
      const spent: number[] = [];
      let last = performance.now();
      const frame = () => {
        const now = performance.now();
        spent.push(now - last);
        last = now;
        log.scrollTop -= 120;
        if (spent.length < frames) requestAnimationFrame(frame);
        else resolve(spent.slice(1));
      };
      requestAnimationFrame(frame);
    });
  }, FRAMES);
  figure('scroll_frame_p50_ms', median(times), 'ms');
  figure('scroll_frame_p95_ms', share(times, 95), 'ms');
  figure('scroll_frame_max_ms', Math.max(...times), 'ms');
}

/** The page's heap, and the whole renderer: page, worker, module, store's cache. */
async function memory(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  const heap = metrics.find((metric) => metric.name === 'JSHeapUsedSize')?.value ?? Number.NaN;
  await session.detach();
  figure('page_heap_mb', heap / 1e6, 'MB');
  const renderers = renderersWith(page.url());
  figure('renderer_mb', Math.max(...renderers), 'MB');
}

/** Proportional memory of the renderers of all browsers of this bench, MB; the largest one shows the conversation. */
function renderersWith(url: string): number[] {
  if (!url.includes('#/chats/')) throw new Error('the conversation is not open');
  const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 1 << 24 });
  return list
    .split('\n')
    .filter((line) => line.includes('--type=renderer') && line.includes('securechat-profile-'))
    .map((line) => {
      const rollup = readFileSync(`/proc/${Number.parseInt(line, 10)}/smaps_rollup`, 'utf8');
      return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1000;
    });
}
