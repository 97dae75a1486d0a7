/** A person at the command line: the real `securechat-cli` with a store of its own, against the same relay. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { SafetyNumberView } from '../src/core/generated/SafetyNumberView';
import type { SendState } from '../src/core/generated/SendState';
import type { TimelineItem } from '../src/core/generated/TimelineItem';

const BINARY = resolve(process.env['SECURECHAT_CLI'] ?? '../target/debug/securechat-cli');
const PASSWORD = 'a long enough password';

/** One line of `--json` (crates/cli/src/print.rs). */
type Line =
  { state: SendState } | { chat: string; message: TimelineItem } | { safety_number: SafetyNumberView };

export class Terminal {
  private readonly store = mkdtempSync(join(tmpdir(), 'securechat-cli-'));

  constructor(
    private readonly server: string,
    readonly handle: string,
  ) {}

  async signUp(): Promise<void> {
    await this.run('signup', this.handle);
  }

  async accept(who: string): Promise<void> {
    await this.run('contact', 'accept', who);
  }

  /** Ends when the relay has stored it, or with `delivered` when the other side has it. Answers the state reached. */
  async send(who: string, words: string, delivered = false): Promise<string> {
    const lines = await this.run('send', who, words, ...(delivered ? ['--delivered'] : []));
    return lines.flatMap((line) => ('state' in line ? [line.state.type] : [])).at(-1) ?? 'none';
  }

  /** What has arrived and was not printed before, oldest first. */
  async receive(): Promise<string[]> {
    return texts(await this.run('receive'));
  }

  async history(who: string): Promise<string[]> {
    return texts(await this.run('history', who));
  }

  async safetyNumber(who: string): Promise<string[]> {
    const lines = await this.run('verify', who);
    return lines.flatMap((line) => ('safety_number' in line ? line.safety_number.groups : []));
  }

  free(): void {
    rmSync(this.store, { recursive: true, force: true });
  }

  private async run(...task: string[]): Promise<Line[]> {
    const { stdout } = await promisify(execFile)(
      BINARY,
      ['--server', this.server, '--store', this.store, '--json', ...task],
      { env: { ...process.env, SECURECHAT_PASSWORD: PASSWORD } },
    );
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }
}

function texts(lines: Line[]): string[] {
  return lines.flatMap((line) =>
    'message' in line && line.message.body.type === 'text' ? [line.message.body.text] : [],
  );
}
