/**
 * One person's browser: a persistent profile of their own (an ordinary context keeps OPFS in memory only),
 * with every interaction counted and every violation of the content policy noted.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Locator, type Page } from '@playwright/test';
import { filesBelow } from './relay';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface BrowserOptions {
  width?: number;
  height?: number;
  dark?: boolean;
  /** Without one, every request goes through the network, where a test can change the answer. */
  serviceWorker?: boolean;
  /** What the person has allowed this site. */
  allowed?: string[];
  /** The person forbade every site to keep anything. */
  keepsNothing?: boolean;
  /** A Y4M file that stands before the camera. */
  camera?: string;
}

export class Browser {
  /** Clicks, single keys, and fields filled (Enter at their end included): what a person would count. */
  interactions = 0;
  readonly violations: string[] = [];
  readonly errors: string[] = [];
  /** Addresses outside the relay that a page or its workers asked for. */
  readonly strangers: string[] = [];
  private readonly profile = mkdtempSync(join(tmpdir(), 'securechat-profile-'));
  private context: BrowserContext | null = null;

  constructor(
    readonly address: string,
    private readonly options: BrowserOptions = {},
  ) {}

  get page(): Page {
    const page = this.running.pages()[0];
    if (!page) throw new Error('this browser has no page');
    return page;
  }

  /** The tab that was opened last. */
  otherTab(): Page {
    const page = this.running.pages().at(-1);
    if (!page) throw new Error('this browser has no page');
    return page;
  }

  /** Opens the profile, again after `close` or `kill`, and the app in its first tab. */
  async open(path = '/'): Promise<Page> {
    if (this.options.keepsNothing) forbidStorage(this.profile);
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      headless: true,
      args: [...FLAGS, ...this.cameraFlags()],
      locale: 'en-GB',
      viewport: { width: this.options.width ?? 1280, height: this.options.height ?? 800 },
      colorScheme: this.options.dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      serviceWorkers: this.options.serviceWorker === false ? 'block' : 'allow',
      permissions: this.options.allowed,
    });
    // What a person would have given up on.
    this.context.setDefaultTimeout(20_000);
    this.context.on('page', (page) => this.watch(page));
    this.context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== this.address) this.strangers.push(url.origin);
    });
    this.context.pages().forEach((page) => this.watch(page));
    await this.page.goto(this.address + path);
    return this.page;
  }

  async newTab(path = '/'): Promise<Page> {
    const page = await this.running.newPage();
    await page.goto(this.address + path);
    return page;
  }

  async click(target: Locator): Promise<void> {
    this.interactions += 1;
    await target.click();
  }

  async type(target: Locator, value: string): Promise<void> {
    this.interactions += 1;
    await target.fill(value);
  }

  /** A field filled and confirmed with Enter counts as one interaction: the hands do not leave the keyboard. */
  async typeAndEnter(target: Locator, value: string): Promise<void> {
    await this.type(target, value);
    await target.press('Enter');
  }

  async press(target: Locator, key: string): Promise<void> {
    this.interactions += 1;
    await target.press(key);
  }

  async close(): Promise<void> {
    await this.context?.close();
    this.context = null;
  }

  /** What stands on the screen and what the pages complained of, for the report of a test that failed. */
  async describe(): Promise<string> {
    if (!this.context) return 'a browser that is closed';
    const pages = this.context.pages().map(async (page) => {
      const words = await page
        .locator('body')
        .innerText({ timeout: 2_000 })
        .catch(() => '(does not answer)');
      return `${page.url()}\n${words.slice(0, 2_000)}`;
    });
    return ['a browser shows', ...(await Promise.all(pages)), 'and said', ...this.errors].join('\n');
  }

  /** `kill -9` of the whole browser, found by its profile folder. */
  async kill(): Promise<void> {
    const gone = new Promise((resolved) => this.running.once('close', resolved));
    for (const pid of processesWith(this.profile)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Its parent took it along.
      }
    }
    await gone;
    this.context = null;
  }

  async free(): Promise<void> {
    await this.close().catch(() => {});
    for (const folder of [this.profile, `${this.profile}-copy`])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** What a browser does that runs out of room: the files of the origin are gone. It must be closed. */
  evict(): void {
    if (this.context) throw new Error('a running browser holds its files');
    const folders = foldersBelow(this.profile).filter((folder) => folder.endsWith('File System'));
    if (folders.length === 0) throw new Error('the profile has no private files');
    for (const folder of folders) rmSync(folder, { recursive: true });
  }

  /** A copy of the whole profile, as a backup of the disk would make it; `restore` puts it back. Both need it closed. */
  copy(): string {
    const folder = `${this.profile}-copy`;
    cpSync(this.profile, folder, { recursive: true, verbatimSymlinks: true });
    return folder;
  }

  restore(copy: string): void {
    rmSync(this.profile, { recursive: true, maxRetries: 5, retryDelay: 100 });
    cpSync(copy, this.profile, { recursive: true, verbatimSymlinks: true });
  }

  /** The files of the encrypted store, as they lie in the profile. */
  storeFiles(): Buffer[] {
    return filesBelow(this.profile)
      .filter((file) => file.includes('File System'))
      .map((file) => readFileSync(file));
  }

  private cameraFlags(): string[] {
    const { camera } = this.options;
    if (camera === undefined) return [];
    return ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${camera}`];
  }

  private get running(): BrowserContext {
    if (!this.context) throw new Error('this browser is not running');
    return this.context;
  }

  private watch(page: Page): void {
    page.on('console', (message) => {
      const said = message.text();
      if (/content security policy|trusted ?type/i.test(said)) this.violations.push(said);
      else if (message.type() === 'error') this.errors.push(said);
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }
}

/** The switch "don't allow sites to save data", where Chromium keeps it. */
function forbidStorage(profile: string): void {
  const folder = join(profile, 'Default');
  mkdirSync(folder, { recursive: true });
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(folder, 'Preferences'), JSON.stringify(preferences));
}

function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function processesWith(profile: string): number[] {
  const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 1 << 24 });
  return list
    .split('\n')
    .filter((line) => line.includes(`--user-data-dir=${profile}`))
    .map((line) => Number.parseInt(line, 10));
}
