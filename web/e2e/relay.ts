/** The real server binary for one test file: its own port, its own data folder, gone at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const READY_MS = 20_000;

/** `SECURECHAT_BIN`: the server binary. `SECURECHAT_WEB_DIR`: the built web app; empty for the one in the binary. */
const BINARY = resolve(process.env['SECURECHAT_BIN'] ?? '../target/debug/securechat');
const WEB_DIR = process.env['SECURECHAT_WEB_DIR'] ?? 'dist';

export class Relay {
  private process: ChildProcess | null = null;
  private port = 0;
  private log: string[] = [];
  private readonly data = mkdtempSync(join(tmpdir(), 'securechat-e2e-'));

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** Starts, or starts again on the same port and data. */
  async start(): Promise<void> {
    // A file, not a pipe: Node's pipes are sockets, which cannot be opened again by their descriptor.
    const readyFile = join(this.data, 'ready.json');
    const ready = openSync(readyFile, 'w');
    const listen = ['--listen', `127.0.0.1:${this.port}`, '--metrics-listen', '127.0.0.1:0'];
    const web = WEB_DIR === '' ? [] : ['--web', resolve(WEB_DIR)];
    const child = spawn(BINARY, ['serve', ...listen, '--data', this.data, ...web, '--ready-fd', '3'], {
      stdio: ['ignore', 'pipe', 'pipe', ready],
    });
    closeSync(ready);
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.log.push(chunk.toString()));
    }
    const address = (JSON.parse(await this.readyLine(child, readyFile)) as { http: string }).http;
    this.port = Number(address.slice(address.lastIndexOf(':') + 1));
  }

  /** `SIGKILL`: the process ends in the middle of whatever it does; what it handed to the system is kept. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolved) => child.once('exit', resolved));
    child.kill(signal);
    await gone;
  }

  /** The operator lost the disk: nothing of before is known any more. It must be stopped. */
  forget(): void {
    if (this.process) throw new Error('a running relay holds its data');
    rmSync(this.data, { recursive: true });
    mkdirSync(this.data);
  }

  async free(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Everything the server stored and logged. */
  bytes(): Buffer {
    return Buffer.concat([
      ...filesBelow(this.data).map((file) => readFileSync(file)),
      Buffer.from(this.log.join('')),
    ]);
  }

  private async readyLine(child: ChildProcess, file: string): Promise<string> {
    let failed: string | null = null;
    child.once('error', (error) => (failed = error.message));
    for (const started = Date.now(); Date.now() - started < READY_MS;) {
      const line = readFileSync(file, 'utf8');
      if (line.endsWith('\n')) return line;
      if (child.exitCode !== null) failed = `the server ended with ${child.exitCode}`;
      if (failed !== null) break;
      await new Promise((resolved) => setTimeout(resolved, 20));
    }
    throw new Error(`${failed ?? 'the server did not get ready'}\n${this.log.join('')}`);
  }
}

/** Regular files only: sockets and links of a browser's profile come and go. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
