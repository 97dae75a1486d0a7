// @vitest-environment node
import type { Query } from '../generated/Query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CoreFacts, DeviceWrapped, VaultOperation } from '../messages';
import type { BootState, VaultResult } from '../state';
import type { EngineModule } from './engine';
import { Leader } from './leader';
import { Disk, standInEngine, until } from './testing';

const PASSPHRASE = 'correct horse';

let disk: Disk;

beforeEach(() => {
  disk = new Disk();
  disk.install();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

interface Tab {
  leader: Leader;
  engine: EngineModule;
  facts: CoreFacts[];
  handed: DeviceWrapped[];
  restarts: { crashed: boolean; memory: boolean; everyone: boolean }[];
}

/** A leader that has finished opening. */
async function lead(
  part: Partial<EngineModule> = {},
  options: { memory?: boolean; failed?: BootState; handover?: DeviceWrapped | null } = {},
): Promise<Tab> {
  const engine = standInEngine(disk, part);
  const tab: Omit<Tab, 'leader'> = { engine, facts: [], handed: [], restarts: [] };
  const leader = new Leader(
    engine,
    {
      facts: (facts) => tab.facts.push(structuredClone(facts)),
      changed: () => {},
      notify: () => {},
      handover: (wrapped) => tab.handed.push(wrapped),
      restart: (how) => tab.restarts.push(how),
    },
    { memory: false, failed: null, handover: null, ...options },
  );
  await until(() => leader.facts.boot.state !== 'starting');
  return { ...tab, leader };
}

async function operate(tab: Tab, operation: VaultOperation): Promise<VaultResult> {
  const result = await tab.leader.carryOut({ kind: 'vault', operation }, 'tab');
  if (result.kind !== 'vault') throw new Error(result.kind);
  return result.result;
}

async function locked(): Promise<Tab> {
  const first = await lead();
  await operate(first, { op: 'set_passphrase', current: null, next: PASSPHRASE });
  return lead();
}

describe('opening', () => {
  test('the first start makes a key of its own, wiped after use', async () => {
    const { leader, engine } = await lead();
    expect(leader.facts).toEqual({
      boot: { state: 'ready', persistent: true },
      vault: { protection: 'device', unlocked: true, autoLockMinutes: 0 },
    });
    const [key] = vi.mocked(engine.open).mock.calls[0] ?? [];
    expect(disk.key?.split(',')).toHaveLength(32);
    expect(key).toEqual(new Uint8Array(32));
  });

  test('the next start opens the same database', async () => {
    await lead();
    const made = disk.key;
    const { leader } = await lead();
    expect(leader.facts.boot).toEqual({ state: 'ready', persistent: true });
    expect(disk.key).toBe(made);
  });

  test.each([
    ['no_storage', 'no_storage'],
    ['full', 'full'],
    ['corrupt', 'corrupt'],
  ])('files that are %s', async (thrown, kind) => {
    const { leader } = await lead({ install_pool: vi.fn().mockRejectedValue(thrown) });
    expect(leader.facts.boot).toEqual({ state: 'failed', kind });
  });

  test('files that another window holds are waited for, and then said to be held', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const install = vi.fn().mockRejectedValue('in_use');
    const opening = lead({ install_pool: install });
    await vi.advanceTimersByTimeAsync(2_000);
    vi.useRealTimers();
    expect((await opening).leader.facts.boot).toEqual({ state: 'failed', kind: 'locked_by_another' });
    expect(install.mock.calls.length).toBeGreaterThan(10);
  });

  test.each([
    ['wrong_key', 'wrong_key'],
    ['locked', 'locked_by_another'],
    ['full', 'full'],
    ['too_new', 'too_new'],
    ['corrupt', 'corrupt'],
    ['unreadable', 'corrupt'],
    ['something else', 'crashed'],
  ])('a database that is %s', async (thrown, kind) => {
    const { leader } = await lead({
      open: () => {
        throw thrown as unknown as Error;
      },
    });
    expect(leader.facts.boot).toEqual({ state: 'failed', kind });
    expect(leader.facts.vault.unlocked).toBe(false);
  });

  test('a database that is gone is not made anew', async () => {
    await lead();
    disk.exists = false;
    const { leader, engine } = await lead();
    expect(leader.facts.boot).toEqual({ state: 'failed', kind: 'evicted' });
    expect(engine.open).not.toHaveBeenCalled();
  });

  test('a key that is gone is not made anew', async () => {
    await lead();
    disk.records.clear();
    const { leader, engine } = await lead();
    expect(leader.facts.boot).toEqual({ state: 'failed', kind: 'key_missing' });
    expect(engine.open).not.toHaveBeenCalled();
  });

  test('a vault of a later version is left alone', async () => {
    await lead();
    disk.records.set('record', { ...(disk.records.get('record') as object), version: 2 });
    expect((await lead()).leader.facts.boot).toEqual({ state: 'failed', kind: 'too_new' });
  });

  test('a page that gave up says so at once', async () => {
    const { leader, engine } = await lead({}, { failed: { state: 'failed', kind: 'crashed' } });
    expect(leader.facts.boot).toEqual({ state: 'failed', kind: 'crashed' });
    expect(engine.install_pool).not.toHaveBeenCalled();
  });
});

describe('the passphrase', () => {
  test('replaces the key of this device, and is asked for at the next start', async () => {
    const next = await locked();
    expect(next.leader.facts).toEqual({
      boot: { state: 'locked' },
      vault: { protection: 'passphrase', unlocked: false, autoLockMinutes: 0 },
    });
    expect(await operate(next, { op: 'unlock', passphrase: 'wrong horse' })).toEqual({
      ok: false,
      reason: 'wrong_passphrase',
    });
    expect(await operate(next, { op: 'unlock', passphrase: PASSPHRASE })).toEqual({ ok: true });
    expect(next.leader.facts.boot.state).toBe('ready');
  });

  test('is long enough, and changed only by who knows it', async () => {
    const tab = await lead();
    const set = (current: string | null, next: string) =>
      operate(tab, { op: 'set_passphrase', current, next });
    expect(await set(null, 'short')).toEqual({ ok: false, reason: 'passphrase_too_short' });
    expect(await set(null, PASSPHRASE)).toEqual({ ok: true });
    expect(await set(null, 'another horse')).toEqual({ ok: false, reason: 'needs_passphrase' });
    expect(await set('wrong horse', 'another horse')).toEqual({ ok: false, reason: 'wrong_passphrase' });
    expect(await set(PASSPHRASE, 'another horse')).toEqual({ ok: true });
    const next = await lead();
    expect(await operate(next, { op: 'unlock', passphrase: 'another horse' })).toEqual({ ok: true });
  });

  test('is given up by who knows it', async () => {
    const tab = await lead();
    await operate(tab, { op: 'set_passphrase', current: null, next: PASSPHRASE });
    expect(await operate(tab, { op: 'remember_device', current: 'wrong horse' })).toEqual({
      ok: false,
      reason: 'wrong_passphrase',
    });
    expect(await operate(tab, { op: 'remember_device', current: PASSPHRASE })).toEqual({ ok: true });
    expect((await lead()).leader.facts).toMatchObject({
      boot: { state: 'ready' },
      vault: { protection: 'device' },
    });
  });

  test('a tab that was handed the key takes over unlocked; one that was not, locked', async () => {
    const tab = await locked();
    expect(tab.handed).toEqual([]);
    await operate(tab, { op: 'unlock', passphrase: PASSPHRASE });
    expect(tab.handed).toHaveLength(1);
    tab.leader.leave();
    expect(tab.leader.handover, 'a leader that left holds no key').toBeNull();
    expect((await lead({}, { handover: tab.handed[0] })).leader.facts.boot.state).toBe('ready');
    expect((await lead()).leader.facts.boot.state).toBe('locked');
  });
});

test('a question that the engine does not understand leaves those beside it their answers', async () => {
  const tab = await lead();
  vi.mocked(tab.engine.query).mockImplementation((query) => {
    if (query.includes('xyz')) throw 'invalid' as unknown as Error;
    return '{}';
  });
  const queries: Query[] = [{ type: 'conversation', conversation_id: 'xyz' }, { type: 'account' }];
  expect(await tab.leader.carryOut({ kind: 'query', queries }, 'tab')).toEqual({
    kind: 'query',
    json: ['{"type":"not_found"}', '{}'],
  });
  expect(tab.restarts).toEqual([]);
});

test('a conversation that the engine cannot read is refused to the tab that shows it, and to no other', async () => {
  const heard: unknown[] = [];
  const tab = await lead({
    handle: (input: string) => {
      if (input.includes('xyz')) throw 'invalid' as unknown as Error;
      heard.push(JSON.parse(input));
      return '[]';
    },
  });
  const focus = (conversationId: string | null, from: string) =>
    tab.leader.carryOut({ kind: 'focus', conversationId }, from);
  expect(await focus('xyz', 'one')).toEqual({ kind: 'refused' });
  expect(await focus(null, 'other')).toEqual({ kind: 'done' });
  expect(heard.at(-1)).toEqual({ type: 'focus', conversation_id: null });
  expect(tab.restarts).toEqual([]);
});

test('an engine that traps at a question is replaced, and nobody is told that nothing is there', async () => {
  const tab = await lead();
  vi.mocked(tab.engine.query).mockImplementation(() => {
    throw new Error('unreachable');
  });
  const queries: Query[] = [{ type: 'account' }, { type: 'settings' }];
  expect(await tab.leader.carryOut({ kind: 'query', queries }, 'tab')).toEqual({ kind: 'unavailable' });
  expect(tab.restarts).toEqual([{ crashed: true, memory: false, everyone: false }]);
});

describe('locking', () => {
  test('ends the workers of all tabs; without a passphrase there is nothing to lock', async () => {
    const tab = await lead();
    expect(await operate(tab, { op: 'lock' })).toEqual({ ok: false, reason: 'needs_passphrase' });
    await operate(tab, { op: 'set_passphrase', current: null, next: PASSPHRASE });
    expect(await operate(tab, { op: 'lock' })).toEqual({ ok: true });
    expect(tab.restarts).toEqual([{ crashed: false, memory: false, everyone: true }]);
    expect(tab.engine.close).toHaveBeenCalled();
    expect(tab.engine.release_pool).toHaveBeenCalled();
    expect(await tab.leader.carryOut({ kind: 'query', queries: [{ type: 'account' }] }, 'tab')).toEqual({
      kind: 'unavailable',
    });
  });

  test('happens by itself after minutes without input, and input starts them again', async () => {
    const tab = await lead();
    await operate(tab, { op: 'set_passphrase', current: null, next: PASSPHRASE });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await operate(tab, { op: 'set_auto_lock', minutes: 5 });
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    tab.leader.active();
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect(tab.restarts).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tab.restarts).toEqual([{ crashed: false, memory: false, everyone: true }]);
  });

  test('never happens by itself while this device opens the vault', async () => {
    const tab = await lead();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await operate(tab, { op: 'set_auto_lock', minutes: 5 });
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    expect(tab.restarts).toEqual([]);
    expect(await operate(tab, { op: 'set_auto_lock', minutes: -1 })).toEqual({ ok: false, reason: 'failed' });
    expect(await operate(tab, { op: 'set_auto_lock', minutes: 1.5 })).toEqual({
      ok: false,
      reason: 'failed',
    });
  });
});

describe('memory and erasing', () => {
  test('memory is offered only where there is no storage', async () => {
    const full = await lead({ install_pool: vi.fn().mockRejectedValue('full') });
    expect(await operate(full, { op: 'use_memory' })).toEqual({ ok: false, reason: 'failed' });
    const none = await lead({ install_pool: vi.fn().mockRejectedValue('no_storage') });
    expect(await operate(none, { op: 'use_memory' })).toEqual({ ok: true });
    expect(none.restarts).toEqual([{ crashed: false, memory: true, everyone: false }]);
    const memory = await lead({}, { memory: true });
    expect(memory.leader.facts.boot).toEqual({ state: 'ready', persistent: false });
    expect(memory.leader.inMemory).toBe(true);
    expect(disk.exists).toBe(false);
    expect(await operate(memory, { op: 'set_passphrase', current: null, next: PASSPHRASE })).toEqual({
      ok: false,
      reason: 'failed',
    });
  });

  test('forgetting deletes the key and the files, also when the browser lets go of them late', async () => {
    const tab = await lead();
    disk.busy = 3;
    expect(await operate(tab, { op: 'forget' })).toEqual({ ok: true });
    expect(disk.exists).toBe(false);
    expect(disk.records.size).toBe(0);
    expect(tab.restarts).toEqual([{ crashed: false, memory: false, everyone: true }]);
  });

  test('a database found damaged while it is open is said to be, and deleted by nobody', async () => {
    let damaged = false;
    const tab = await lead({
      handle: () => {
        if (damaged) throw 'corrupt' as unknown as Error;
        return '[]';
      },
    });
    damaged = true;
    await tab.leader.carryOut({ kind: 'focus', conversationId: null }, 'tab');
    expect(tab.leader.facts.boot).toEqual({ state: 'failed', kind: 'corrupt' });
    expect(disk.exists).toBe(true);
    expect(tab.restarts).toEqual([]);
  });

  test('an engine that trapped is replaced', async () => {
    let trapped = false;
    const tab = await lead({
      handle: () => {
        if (trapped) throw new Error('unreachable');
        return '[]';
      },
    });
    trapped = true;
    await tab.leader.carryOut({ kind: 'focus', conversationId: null }, 'tab');
    expect(tab.restarts).toEqual([{ crashed: true, memory: false, everyone: false }]);
  });
});
