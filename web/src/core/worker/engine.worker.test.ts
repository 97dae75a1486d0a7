// @vitest-environment node
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Between, ToPage, ToWorker } from '../messages';
import { Disk, standInEngine, until } from './testing';

const disk = new Disk();
const load = vi.hoisted(() => ({ engine: () => Promise.reject<object>(new Error('not set')) }));
vi.mock('./engine', () => ({ loadEngine: () => load.engine() }));

/** Who holds the lock of the origin, and who waits for it. */
let queue: (() => void)[];
let held: boolean;
let denied: boolean;
/** What this tab said to its page, and to the other tabs. */
let told: ToPage[];
let said: Between[];
let hear: ((event: { data: Between }) => void) | null;

function request(_name: string, act: () => Promise<void>): Promise<void> {
  if (denied) return Promise.reject(new DOMException('denied', 'SecurityError'));
  return new Promise((resolve, reject) => {
    const take = () => {
      held = true;
      act()
        .then(resolve, reject)
        .finally(() => {
          held = false;
          queue.shift()?.();
        });
    };
    if (held) queue.push(take);
    else take();
  });
}

beforeEach(() => {
  Object.assign(disk, new Disk());
  disk.install();
  queue = [];
  held = denied = false;
  told = [];
  said = [];
  hear = null;
  load.engine = () => Promise.resolve(standInEngine(disk));
  vi.stubGlobal('navigator', { ...globalThis.navigator, locks: { request } });
  vi.stubGlobal('location', new URL('https://chat.example/assets/engine.worker-1.js'));
  vi.stubGlobal('postMessage', (message: ToPage) => told.push(message));
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      postMessage(message: Between): void {
        said.push(message);
      }
      set onmessage(listener: typeof hear) {
        hear = listener;
      }
    },
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A worker that was started; `say` is what its page says. */
async function tab(visible = true): Promise<(message: ToWorker) => void> {
  vi.resetModules();
  await import('./engine.worker');
  const listener = globalThis.onmessage as unknown as (event: { data: ToWorker }) => void;
  const say = (data: ToWorker) => listener({ data });
  say({ type: 'start', visible, memory: false, failed: null, clockOffsetMs: 0 });
  return say;
}

const facts = () => told.flatMap((message) => (message.type === 'facts' ? [message] : []));
const leads = () => said.flatMap((message) => (message.type === 'leader' ? [message] : []));
const ready = () => until(() => facts().some((one) => one.facts.boot.state === 'ready'));
const restarts = () => told.filter((message) => message.type === 'restart');
const other = (message: Between) => hear?.({ data: message });

test('whoever holds the lock leads, and says so to its page and the other tabs', async () => {
  await tab();
  await ready();
  expect(said[0]).toMatchObject({ type: 'hello', build: '/assets/engine.worker-1.js' });
  expect(leads().at(-1)).toMatchObject({ hidden: false, facts: { boot: { state: 'ready' } } });
  expect(facts().at(-1)).toMatchObject({ leading: true });
});

test('a hidden leader steps down when a tab that is looked at asks, a visible one does not', async () => {
  const say = await tab();
  await ready();
  const { epoch } = leads().at(-1) ?? { epoch: 0 };
  other({ type: 'step_down', epoch });
  expect(restarts(), 'it is looked at itself').toEqual([]);
  say({ type: 'visible', visible: false });
  other({ type: 'step_down', epoch: epoch - 1 });
  expect(restarts(), 'another leader was meant').toEqual([]);
  other({ type: 'step_down', epoch });
  expect(restarts()).toEqual([{ type: 'restart', crashed: false, memory: false }]);
  await until(() => !held);
});

test('a follower that is looked at asks a hidden leader to step down, one that is glanced at does not', async () => {
  held = true;
  vi.useFakeTimers({ toFake: ['Date'] });
  await tab();
  const leader = (hidden: boolean): Between => ({
    type: 'leader',
    from: 'other',
    epoch: 7,
    hidden,
    build: '/assets/engine.worker-1.js',
    facts: {
      boot: { state: 'ready', persistent: true },
      vault: { protection: 'device', unlocked: true, autoLockMinutes: 0 },
    },
  });
  const asked = () => said.filter((message) => message.type === 'step_down');
  other(leader(true));
  expect(asked()).toEqual([]);
  vi.setSystemTime(Date.now() + 2_000);
  other(leader(false));
  expect(asked()).toEqual([]);
  other(leader(true));
  expect(asked()).toEqual([{ type: 'step_down', epoch: 7 }]);
  expect(facts().at(-1)).toMatchObject({ leading: false, epoch: 7 });
});

test('a follower hands its calls on, and takes the lead when it is free', async () => {
  held = true;
  const say = await tab();
  say({ type: 'call', id: 4, call: { kind: 'query', queries: [{ type: 'account' }] } });
  expect(said.at(-1)).toMatchObject({ type: 'call', call: { kind: 'query' } });
  held = false;
  queue.shift()?.();
  await until(() => told.some((message) => message.type === 'result'));
  expect(told.find((message) => message.type === 'result')).toMatchObject({
    id: 4,
    result: { kind: 'query' },
  });
});

test('the calls of other tabs are carried out once each', async () => {
  await tab();
  await ready();
  const call: Between = {
    type: 'call',
    from: 'other',
    id: 1,
    call: { kind: 'query', queries: [{ type: 'account' }] },
  };
  other(call);
  other(call);
  await until(() => said.filter((message) => message.type === 'result').length >= 1);
  expect(said.filter((message) => message.type === 'taken').length).toBeGreaterThanOrEqual(1);
});

test('a page that leaves passes the lead on', async () => {
  const say = await tab();
  await ready();
  say({ type: 'leave' });
  await until(() => !held);
  expect(restarts()).toEqual([]);
});

test('a tab of a newer build is told to the page', async () => {
  await tab();
  other({ type: 'hello', from: 'other', build: '/assets/engine.worker-1.js' });
  expect(told.some((message) => message.type === 'outdated')).toBe(false);
  other({ type: 'hello', from: 'other', build: '/assets/engine.worker-2.js' });
  expect(told.some((message) => message.type === 'outdated')).toBe(true);
});

test('a lock in another tab ends this one', async () => {
  await tab();
  await ready();
  other({ type: 'restart' });
  expect(restarts()).toEqual([{ type: 'restart', crashed: false, memory: false }]);
});

test('where the browser refuses locks the tab leads itself', async () => {
  denied = true;
  await tab();
  await ready();
  expect(facts().at(-1)).toMatchObject({ leading: true });
});

test('an engine that cannot be fetched is said, not waited for', async () => {
  load.engine = () => Promise.reject(new Error('offline'));
  await tab();
  await until(() => facts().length > 0);
  expect(facts().at(-1)).toMatchObject({ facts: { boot: { state: 'failed', kind: 'crashed' } } });
});
