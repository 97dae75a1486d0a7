import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CoreClient } from './client';
import type { CallResult, CoreFacts, Notice, ToPage, ToWorker } from './messages';
import type { BootState } from './state';

/** Stands where the browser's worker stands: what the page said to it, and what it says back. */
class StandInWorker {
  static all: StandInWorker[] = [];
  readonly heard: ToWorker[] = [];
  ended = false;
  onmessage: ((event: { data: ToPage }) => void) | null = null;
  onerror: ((event: { preventDefault: () => void }) => void) | null = null;

  constructor() {
    StandInWorker.all.push(this);
  }
  postMessage(message: ToWorker): void {
    this.heard.push(message);
  }
  terminate(): void {
    this.ended = true;
  }
  says(message: ToPage): void {
    this.onmessage?.({ data: message });
  }
  crashes(): void {
    this.onerror?.({ preventDefault: () => {} });
  }
  boots(boot: BootState, epoch = 1): void {
    const facts: CoreFacts = { boot, vault: { protection: 'device', unlocked: true, autoLockMinutes: 0 } };
    this.says({ type: 'facts', facts, leading: true, epoch });
  }
  answers(result: CallResult): void {
    const call = this.heard.findLast((message) => message.type === 'call');
    this.says({ type: 'result', id: call?.id ?? 0, result });
  }
}

const READY: BootState = { state: 'ready', persistent: true };
const notices: Notice[] = [];
let client: CoreClient;
const worker = () => StandInWorker.all.at(-1) as StandInWorker;

beforeEach(() => {
  StandInWorker.all = [];
  notices.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal('Worker', StandInWorker);
  client = new CoreClient((notice) => notices.push(notice));
  client.start();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a command is answered by the number it was asked with', async () => {
  worker().boots(READY);
  const answer = client.command({ type: 'set_profile', display_name: 'Ada' });
  worker().answers({ kind: 'command', result: { type: 'ok', reply: { type: 'done' } } });
  expect(await answer).toEqual({ type: 'ok', reply: { type: 'done' } });
});

test('what a dead worker had taken ends as refused, and another worker starts', async () => {
  worker().boots(READY);
  const answer = client.command({ type: 'set_profile', display_name: 'Ada' });
  const first = worker();
  first.crashes();
  expect(first.ended).toBe(true);
  expect(worker()).not.toBe(first);
  expect(await answer).toEqual({ type: 'err', refusal: { code: 'internal', retry_after_s: null } });
  // What a worker that was given up still says is not heard.
  first.boots({ state: 'failed', kind: 'corrupt' });
  expect(client.snapshot().boot).toEqual(READY);
});

test('a core that crashes four times within half a minute stays down', () => {
  for (let crash = 1; crash < 4; crash += 1) {
    worker().crashes();
    expect(worker().heard[0]).toMatchObject({ type: 'start', failed: null });
  }
  worker().says({ type: 'restart', crashed: true, memory: false });
  expect(worker().heard[0]).toMatchObject({
    type: 'start',
    failed: { state: 'failed', kind: 'crashed' },
  });
});

test('crashes that lie far apart are not counted together', () => {
  for (let crash = 0; crash < 6; crash += 1) {
    worker().crashes();
    vi.advanceTimersByTime(31_000);
  }
  expect(worker().heard[0]).toMatchObject({ type: 'start', failed: null });
});

test('screens stay while the lead passes on, unless it takes long', () => {
  worker().boots(READY);
  worker().boots({ state: 'starting' });
  expect(client.snapshot().boot).toEqual(READY);
  vi.advanceTimersByTime(2_900);
  worker().boots(READY, 2);
  vi.advanceTimersByTime(10_000);
  expect(client.snapshot().boot).toEqual(READY);

  worker().boots({ state: 'starting' });
  vi.advanceTimersByTime(3_100);
  expect(client.snapshot().boot).toEqual({ state: 'starting' });
});

test('a new leader is asked again for what is on screen', async () => {
  worker().boots(READY);
  const key = '{"type":"account"}';
  client.queries.subscribe(key, { type: 'account' }, () => {});
  await Promise.resolve();
  worker().answers({ kind: 'query', json: ['{"type":"not_found"}'] });
  await vi.waitFor(() => expect(client.queries.view(key)).toBeDefined());
  const asked = () => worker().heard.filter((message) => message.type === 'call').length;
  const before = asked();
  worker().boots(READY);
  await Promise.resolve();
  expect(asked()).toBe(before);
  worker().boots(READY, 2);
  await Promise.resolve();
  expect(asked()).toBe(before + 1);
});

test('locking takes every answer off the page', async () => {
  worker().boots(READY);
  const key = '{"type":"account"}';
  client.queries.subscribe(key, { type: 'account' }, () => {});
  await Promise.resolve();
  worker().answers({ kind: 'query', json: ['{"type":"not_found"}'] });
  await vi.waitFor(() => expect(client.queries.view(key)).toEqual({ type: 'not_found' }));
  worker().boots({ state: 'locked' });
  expect(client.queries.view(key)).toBeUndefined();
});

test('the choice to go on in memory reaches the next worker', () => {
  worker().says({ type: 'restart', crashed: false, memory: true });
  expect(worker().heard[0]).toMatchObject({ type: 'start', memory: true });
});

test('the worker hears that the page is hidden, used and left', () => {
  const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  document.dispatchEvent(new Event('visibilitychange'));
  expect(worker().heard).toContainEqual({ type: 'visible', visible: false });
  visibility.mockRestore();

  vi.advanceTimersByTime(60_000);
  for (let key = 0; key < 5; key += 1) window.dispatchEvent(new Event('keydown'));
  expect(worker().heard.filter((message) => message.type === 'active')).toHaveLength(1);

  window.dispatchEvent(new Event('pagehide'));
  expect(worker().heard.at(-1)).toEqual({ type: 'leave' });
});

test('notices, updates and topics go where they belong', () => {
  worker().says({ type: 'notify', notice: { conversationId: 'c', title: 'Ada', preview: null } });
  expect(notices).toEqual([{ conversationId: 'c', title: 'Ada', preview: null }]);
  expect(client.snapshot().updateReady).toBe(false);
  worker().says({ type: 'outdated' });
  expect(client.snapshot().updateReady).toBe(true);
});
