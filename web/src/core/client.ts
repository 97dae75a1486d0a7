/**
 * The page's side of the core: starts the worker, numbers calls, keeps the answers screens show.
 * Knows no rule of the product and holds no key.
 */
import type { Command } from './generated/Command';
import type { CommandResult } from './generated/CommandResult';
import type { ConversationId } from './generated/ConversationId';
import { clockOffsetMs } from './clock';
import type { Call, CallResult, CoreFacts, Notice, ToPage, ToWorker, VaultOperation } from './messages';
import { QueryCache } from './queries';
import { type BootState, type CoreState, INITIAL_STATE, type VaultResult } from './state';
import { startWorker } from './startWorker';

/** A core that crashes this often within the window stays down and says so. */
const CRASHES_MAX = 4;
const CRASH_WINDOW_MS = 30_000;
/** Screens stay up for this long while the lead passes from one tab to another. */
const HANDOVER_MS = 3_000;
/** Input events tell the worker about activity at most this often. */
const ACTIVITY_EVERY_MS = 10_000;

const REFUSED: CommandResult = { type: 'err', refusal: { code: 'internal', retry_after_s: null } };

export class CoreClient {
  readonly queries = new QueryCache(async (queries) => {
    const result = await this.call({ kind: 'query', queries });
    return result.kind === 'query' ? result.json : null;
  });

  private state: CoreState = INITIAL_STATE;
  private listeners = new Set<() => void>();
  private worker: Worker | null = null;
  private pending = new Map<number, (result: CallResult) => void>();
  private nextId = 1;
  private crashes: number[] = [];
  private memory = false;
  private focused: ConversationId | null = null;
  private lastActivity = 0;
  private epoch = -1;
  private handingOver: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onNotice: (notice: Notice) => void) {}

  start(): void {
    this.spawn(null);
    document.addEventListener('visibilitychange', () => {
      this.post({ type: 'visible', visible: isVisible() });
      void this.sendFocus();
    });
    window.addEventListener('pagehide', () => this.post({ type: 'leave' }));
    // Back from the back/forward cache: the worker has handed over and must queue again.
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) this.respawn(null);
    });
    for (const kind of ['pointerdown', 'keydown'] as const) {
      window.addEventListener(kind, () => this.active(), { passive: true, capture: true });
    }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): CoreState => this.state;

  /** Carries out `command`. Never throws: an unknown or impossible outcome is the refusal `internal`. */
  readonly command = async (command: Command): Promise<CommandResult> => {
    const result = await this.call({ kind: 'command', command });
    return result.kind === 'command' ? result.result : REFUSED;
  };

  readonly vault = async (operation: VaultOperation): Promise<VaultResult> => {
    const result = await this.call({ kind: 'vault', operation });
    return result.kind === 'vault' ? result.result : { ok: false, reason: 'failed' };
  };

  /** The conversation on screen, or none: no notification for it while this page is visible. */
  readonly focus = (conversationId: ConversationId | null): void => {
    this.focused = conversationId;
    void this.sendFocus();
  };

  /** Called when a newer build waits for a reload. */
  readonly updateIsReady = (): void => this.set({ ...this.state, updateReady: true });

  private async sendFocus(): Promise<void> {
    await this.call({ kind: 'focus', conversationId: isVisible() ? this.focused : null });
  }

  private call(call: Call): Promise<CallResult> {
    return new Promise((resolve) => {
      if (!this.worker) {
        resolve({ kind: 'unavailable' });
        return;
      }
      const id = this.nextId++;
      this.pending.set(id, resolve);
      this.post({ type: 'call', id, call });
    });
  }

  private spawn(failed: BootState | null): void {
    const worker = startWorker();
    this.worker = worker;
    this.epoch = -1;
    worker.onmessage = (event: MessageEvent<ToPage>) => {
      if (worker === this.worker) this.hear(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.worker) this.crashed();
    };
    this.post({
      type: 'start',
      visible: isVisible(),
      memory: this.memory,
      failed,
      clockOffsetMs: clockOffsetMs(),
    });
    if (this.focused !== null) void this.sendFocus();
  }

  private respawn(failed: BootState | null): void {
    this.worker?.terminate();
    this.worker = null;
    const interrupted = [...this.pending.values()];
    this.pending.clear();
    for (const resolve of interrupted) resolve({ kind: 'interrupted' });
    this.spawn(failed);
  }

  private crashed(): void {
    const now = Date.now();
    this.crashes = [...this.crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    this.respawn(this.crashes.length >= CRASHES_MAX ? { state: 'failed', kind: 'crashed' } : null);
  }

  private hear(message: ToPage): void {
    switch (message.type) {
      case 'facts':
        this.heardFacts(message.facts, message.epoch);
        return;
      case 'result': {
        const resolve = this.pending.get(message.id);
        this.pending.delete(message.id);
        resolve?.(message.result);
        return;
      }
      case 'changed':
        this.queries.changed(message.topics);
        return;
      case 'notify':
        this.onNotice(message.notice);
        return;
      case 'outdated':
        this.updateIsReady();
        return;
      case 'restart':
        this.memory = message.memory;
        if (message.crashed) this.crashed();
        else this.respawn(null);
        return;
    }
  }

  private heardFacts(facts: CoreFacts, epoch: number): void {
    clearTimeout(this.handingOver);
    const before = this.state.boot.state;
    const after = facts.boot.state;
    if (before === 'ready' && after === 'starting') {
      // Another tab takes the lead: screens stay as they are, unless it takes long.
      this.handingOver = setTimeout(() => this.set({ ...this.state, boot: facts.boot }), HANDOVER_MS);
      return;
    }
    this.set({ ...this.state, boot: facts.boot, vault: facts.vault });
    // A new leader may have carried out what its predecessor could no longer announce.
    if (after === 'ready' && (before !== 'ready' || epoch !== this.epoch)) this.queries.refreshAll();
    if (after === 'ready') this.epoch = epoch;
    if (after === 'locked' || after === 'failed') this.queries.forgetAll();
  }

  private set(state: CoreState): void {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.state = state;
    for (const listener of [...this.listeners]) listener();
  }

  private active(): void {
    const now = Date.now();
    if (now - this.lastActivity < ACTIVITY_EVERY_MS) return;
    this.lastActivity = now;
    this.post({ type: 'active' });
  }

  private post(message: ToWorker): void {
    this.worker?.postMessage(message);
  }
}

function isVisible(): boolean {
  return document.visibilityState === 'visible';
}
