/**
 * The store while this tab leads: opening, the vault's operations, auto-lock, erasing.
 * Knows K for the length of a call, wrapped otherwise; must never know what the database holds.
 * Nothing here deletes anything unless the person asked for exactly that.
 */
import { now } from '../clock';
import type { Query } from '../generated/Query';
import type { Topic } from '../generated/Topic';
import type { Call, CallResult, CoreFacts, DeviceWrapped, Notice, VaultOperation } from '../messages';
import {
  type BootFailure,
  type BootState,
  PASSPHRASE_CHARACTERS_MIN,
  type VaultResult,
  type VaultState,
} from '../state';
import type { EngineModule } from './engine';
import { Host } from './host';
import {
  createVault,
  deleteVault,
  protection,
  readVault,
  unwrapForDevice,
  type VaultRecord,
  VaultTooNew,
  wrapForDevice,
  writeVault,
} from './vault';

/** The folder of the pool in OPFS; the same name stands in crates/wasm. */
const POOL_FOLDER = 'securechat';
/** Browsers may let go of a closed tab's file handles a little late. */
const INSTALL_TRIES_MAX = 50;
const INSTALL_RETRY_MS = 20;

export interface LeaderEvents {
  facts(facts: CoreFacts): void;
  changed(topics: Topic[]): void;
  notify(notice: Notice): void;
  /** K for followers that may have to take over while unlocked. */
  handover(wrapped: DeviceWrapped): void;
  /** This worker is used up. `everyone`: so are those of the other tabs. */
  restart(how: { crashed: boolean; memory: boolean; everyone: boolean }): void;
}

export class Leader {
  private boot: BootState = { state: 'starting' };
  private record: VaultRecord | null = null;
  private host: Host | null = null;
  /** K while unlocked, under a key that lives in memory only. */
  private session: DeviceWrapped | null = null;
  private lockTimer: ReturnType<typeof setTimeout> | undefined;
  private booted: Promise<void>;
  private focuses = new Map<string, string>();
  private busy = 0;

  constructor(
    private readonly engine: EngineModule,
    private readonly events: LeaderEvents,
    options: { memory: boolean; failed: BootState | null; handover: DeviceWrapped | null },
  ) {
    this.booted = options.failed
      ? this.failStart(options.failed)
      : this.begin(options.memory, options.handover).catch(() => this.fail('crashed'));
  }

  get facts(): CoreFacts {
    const vault: VaultState = {
      protection: this.record ? protection(this.record) : 'unset',
      unlocked: this.host !== null,
      autoLockMinutes: this.record?.autoLockMinutes ?? 0,
    };
    return { boot: this.boot, vault };
  }

  /** Followers need it only where the device cannot unwrap K by itself. */
  get handover(): DeviceWrapped | null {
    return this.record && protection(this.record) === 'passphrase' ? this.session : null;
  }

  /** Nothing is under way that a step-down would cut. */
  get idle(): boolean {
    return this.busy === 0 && (this.host?.waitingCommands ?? 0) === 0 && this.boot.state !== 'starting';
  }

  /** The store is in memory: letting go of it would lose it. */
  get inMemory(): boolean {
    return this.boot.state === 'ready' && !this.boot.persistent;
  }

  async carryOut(call: Call, tab: string): Promise<CallResult> {
    await this.booted;
    switch (call.kind) {
      case 'query':
        return this.read(call.queries);
      case 'command': {
        if (!this.host) return { kind: 'unavailable' };
        const result = await this.host.command(call.command);
        return result ? { kind: 'command', result } : { kind: 'interrupted' };
      }
      case 'focus':
        return { kind: this.focus(tab, call.conversationId) ? 'done' : 'refused' };
      case 'vault':
        this.busy += 1;
        try {
          return { kind: 'vault', result: await this.operate(call.operation) };
        } catch {
          return { kind: 'vault', result: { ok: false, reason: 'failed' } };
        } finally {
          this.busy -= 1;
        }
    }
  }

  private read(queries: Query[]): CallResult {
    const json: string[] = [];
    for (const query of queries) {
      const answer = this.host?.query(query) ?? null;
      if (answer === null) return { kind: 'unavailable' };
      json.push(answer);
    }
    return { kind: 'query', json };
  }

  /** The person did something in some tab. */
  active(): void {
    clearTimeout(this.lockTimer);
    const minutes = this.record?.autoLockMinutes ?? 0;
    if (minutes === 0 || !this.host || !this.record || protection(this.record) !== 'passphrase') return;
    this.lockTimer = setTimeout(() => void this.operate({ op: 'lock' }), minutes * 60_000);
  }

  /** Closes the store and lets go of the files, at once. */
  leave(): void {
    clearTimeout(this.lockTimer);
    this.host?.stop();
    this.host = null;
    this.session = null;
    this.engine.release_pool();
  }

  // ---- opening -------------------------------------------------------------------------------

  private async begin(memory: boolean, handover: DeviceWrapped | null): Promise<void> {
    if (memory) {
      this.engine.open_in_memory(crypto.getRandomValues(new Uint8Array(32)), now());
      this.run({ state: 'ready', persistent: false });
      return;
    }
    const failure = await this.installPool();
    if (failure) return this.fail(failure);
    try {
      this.record = await readVault();
    } catch (thrown) {
      return this.fail(thrown instanceof VaultTooNew ? 'too_new' : 'no_storage');
    }
    const exists = this.engine.store_exists();
    if (!this.record) {
      if (exists) return this.fail('key_missing');
      return this.createStore();
    }
    if (this.record.opened && !exists) return this.fail('evicted');
    await this.openWithHeldKey(this.record, handover);
  }

  private async createStore(): Promise<void> {
    const { record, key } = await createVault();
    this.record = record;
    await this.openStore(key);
  }

  private async openWithHeldKey(record: VaultRecord, handover: DeviceWrapped | null): Promise<void> {
    const device = record.envelopes.find((envelope) => envelope.type === 'device');
    const wrapped = device?.wrapped ?? handover;
    if (!wrapped) return this.set({ state: 'locked' });
    const key = await unwrapForDevice(wrapped, record.id);
    if (!key) return device ? this.fail('wrong_key') : this.set({ state: 'locked' });
    await this.openStore(key);
  }

  private async installPool(): Promise<BootFailure | null> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.engine.install_pool();
        return null;
      } catch (thrown) {
        if (thrown === 'in_use' && tries < INSTALL_TRIES_MAX) {
          await new Promise((resolve) => setTimeout(resolve, INSTALL_RETRY_MS));
          continue;
        }
        return installFailure(thrown);
      }
    }
  }

  /** Opens with `key` and wipes it. */
  private async openStore(key: Uint8Array<ArrayBuffer>): Promise<void> {
    const { record } = this;
    if (!record) return;
    try {
      this.session = await wrapForDevice(key, record.id);
      this.engine.open(key, crypto.getRandomValues(new Uint8Array(32)), now());
    } catch (thrown) {
      this.session = null;
      return this.fail(openFailure(thrown));
    } finally {
      key.fill(0);
    }
    if (!record.opened) {
      record.opened = true;
      await writeVault(record);
    }
    this.run({ state: 'ready', persistent: true });
    this.shareHandover();
    this.active();
  }

  private shareHandover(): void {
    if (this.handover) this.events.handover(this.handover);
  }

  private run(boot: BootState): void {
    this.host = new Host(this.engine, {
      changed: (topics) => this.events.changed(topics),
      notify: (notice) => this.events.notify(notice),
      erase: () => void this.erase(),
      fatal: (code) => this.fatal(code),
    });
    this.set(boot);
    this.host.begin();
  }

  private fatal(code: string): void {
    this.host = null;
    if (code === 'corrupt') {
      this.engine.close();
      this.fail('corrupt');
      return;
    }
    this.events.restart({ crashed: true, memory: false, everyone: false });
  }

  private failStart(failed: BootState): Promise<void> {
    this.set(failed);
    return Promise.resolve();
  }

  private fail(kind: BootFailure): void {
    this.set({ state: 'failed', kind });
  }

  private set(boot: BootState): void {
    this.boot = boot;
    this.events.facts(this.facts);
  }

  // ---- while open ----------------------------------------------------------------------------

  /** Several windows can show conversations; the one that spoke last counts. */
  private focus(tab: string, conversationId: string | null): boolean {
    this.focuses.delete(tab);
    if (conversationId !== null) this.focuses.set(tab, conversationId);
    const taken = this.host?.focus([...this.focuses.values()].at(-1) ?? null) ?? true;
    // Otherwise it would be said again for the other tabs.
    if (!taken) this.focuses.delete(tab);
    return taken;
  }

  private async operate(operation: VaultOperation): Promise<VaultResult> {
    switch (operation.op) {
      case 'unlock':
        return this.unlock(operation.passphrase);
      case 'lock':
        if (!this.record || protection(this.record) !== 'passphrase')
          return { ok: false, reason: 'needs_passphrase' };
        this.leave();
        this.events.restart({ crashed: false, memory: false, everyone: true });
        return { ok: true };
      case 'set_passphrase':
        return this.setPassphrase(operation.current, operation.next);
      case 'remember_device':
        return this.rememberDevice(operation.current);
      case 'set_auto_lock':
        if (!this.record || !Number.isInteger(operation.minutes) || operation.minutes < 0) {
          return { ok: false, reason: 'failed' };
        }
        await this.replace({ ...this.record, autoLockMinutes: operation.minutes });
        this.active();
        return { ok: true };
      case 'forget':
        await this.erase();
        return { ok: true };
      case 'use_memory':
        // Only where the browser offers no storage: a full or damaged store must not be papered over.
        if (this.boot.state !== 'failed' || this.boot.kind !== 'no_storage')
          return { ok: false, reason: 'failed' };
        this.events.restart({ crashed: false, memory: true, everyone: false });
        return { ok: true };
      case 'retry':
        this.leave();
        this.events.restart({ crashed: false, memory: false, everyone: false });
        return { ok: true };
    }
  }

  private async unlock(passphrase: string): Promise<VaultResult> {
    if (this.boot.state !== 'locked' || !this.record) return { ok: false, reason: 'failed' };
    const key = this.openPassphrase(this.record, passphrase);
    if (!key) return { ok: false, reason: 'wrong_passphrase' };
    await this.openStore(key);
    return { ok: true };
  }

  private async setPassphrase(current: string | null, next: string): Promise<VaultResult> {
    const { record } = this;
    if (!record || !this.session) return { ok: false, reason: 'failed' };
    if ([...next].length < PASSPHRASE_CHARACTERS_MIN) return { ok: false, reason: 'passphrase_too_short' };
    const refused = this.checkCurrent(record, current);
    if (refused) return refused;
    const key = await unwrapForDevice(this.session, record.id);
    if (!key) return { ok: false, reason: 'failed' };
    try {
      const sealed = this.engine.seal_key(key, new TextEncoder().encode(next), record.id);
      await this.replace({ ...record, envelopes: [{ type: 'passphrase', version: 1, sealed }] });
    } finally {
      key.fill(0);
    }
    this.shareHandover();
    this.active();
    return { ok: true };
  }

  private async rememberDevice(current: string): Promise<VaultResult> {
    const { record } = this;
    if (!record || protection(record) !== 'passphrase') return { ok: false, reason: 'failed' };
    const key = this.openPassphrase(record, current);
    if (!key) return { ok: false, reason: 'wrong_passphrase' };
    try {
      const wrapped = await wrapForDevice(key, record.id);
      await this.replace({
        ...record,
        autoLockMinutes: 0,
        envelopes: [{ type: 'device', version: 1, wrapped }],
      });
    } finally {
      key.fill(0);
    }
    this.active();
    return { ok: true };
  }

  /** Nothing to check while no passphrase is set. */
  private checkCurrent(record: VaultRecord, current: string | null): VaultResult | null {
    if (protection(record) !== 'passphrase') return null;
    if (current === null) return { ok: false, reason: 'needs_passphrase' };
    const key = this.openPassphrase(record, current);
    if (!key) return { ok: false, reason: 'wrong_passphrase' };
    key.fill(0);
    return null;
  }

  private openPassphrase(record: VaultRecord, passphrase: string): Uint8Array<ArrayBuffer> | null {
    for (const envelope of record.envelopes) {
      if (envelope.type !== 'passphrase') continue;
      const key = this.engine.open_key(envelope.sealed, new TextEncoder().encode(passphrase), record.id);
      if (key) return key;
    }
    return null;
  }

  private async replace(record: VaultRecord): Promise<void> {
    await writeVault(record);
    this.record = record;
    this.events.facts(this.facts);
  }

  /** The one place that deletes: asked for by the person, or by the account's owner signing out with "erase". */
  private async erase(): Promise<void> {
    this.leave();
    // The key first: without it the files are noise, whatever happens to them.
    await deleteVault();
    await removePool();
    this.events.restart({ crashed: false, memory: false, everyone: true });
  }
}

/** The files were let go a moment ago, which a browser may notice later. */
async function removePool(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  for (let tries = 1; ; tries += 1) {
    try {
      await root.removeEntry(POOL_FOLDER, { recursive: true });
      return;
    } catch (thrown) {
      const name = thrown instanceof DOMException ? thrown.name : '';
      if (name === 'NotFoundError') return;
      if (name !== 'NoModificationAllowedError' || tries >= INSTALL_TRIES_MAX) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, INSTALL_RETRY_MS));
    }
  }
}

function installFailure(thrown: unknown): BootFailure {
  switch (thrown) {
    case 'in_use':
      return 'locked_by_another';
    case 'full':
      return 'full';
    case 'no_storage':
      return 'no_storage';
    default:
      return 'corrupt';
  }
}

/** `OpenError` codes of the engine. */
function openFailure(thrown: unknown): BootFailure {
  switch (thrown) {
    case 'wrong_key':
      return 'wrong_key';
    case 'locked':
      return 'locked_by_another';
    case 'full':
      return 'full';
    case 'too_new':
      return 'too_new';
    case 'corrupt':
    case 'unreadable':
      return 'corrupt';
    default:
      return 'crashed';
  }
}
