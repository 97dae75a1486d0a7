import { expect, test } from 'vitest';
import type { Query } from './generated/Query';
import { QueryCache } from './queries';

const ACCOUNT: Query = { type: 'account' };
const KEY = JSON.stringify(ACCOUNT);

/** A cache over answers given by hand, in the order of the reads. */
function cacheOver(): { cache: QueryCache; reads: ((json: string | null) => void)[] } {
  const reads: ((json: string | null) => void)[] = [];
  return { cache: new QueryCache(() => new Promise((resolve) => reads.push(resolve))), reads };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const view = (unread: number) => JSON.stringify({ type: 'account', unread });

test('an answer is shown, and read again when its topic changes', async () => {
  const { cache, reads } = cacheOver();
  let drawn = 0;
  cache.subscribe(KEY, ACCOUNT, () => (drawn += 1));
  expect(cache.view(KEY)).toBeUndefined();
  reads[0]?.(view(1));
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 1 });
  cache.changed([{ type: 'settings' }]);
  expect(reads).toHaveLength(1);
  cache.changed([{ type: 'account' }]);
  reads[1]?.(view(2));
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 2 });
  expect(drawn).toBe(2);
});

test('a change while an answer is on its way leads to one more read', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  cache.changed([{ type: 'account' }]);
  cache.changed([{ type: 'account' }]);
  expect(reads).toHaveLength(1);
  reads[0]?.(view(1));
  await settled();
  expect(reads).toHaveLength(2);
});

test('an equal answer draws nothing', async () => {
  const { cache, reads } = cacheOver();
  let drawn = 0;
  cache.subscribe(KEY, ACCOUNT, () => (drawn += 1));
  reads[0]?.(view(1));
  await settled();
  cache.changed([{ type: 'account' }]);
  reads[1]?.(view(1));
  await settled();
  expect(drawn).toBe(1);
});

test('what could not be read is read when the core is ready', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  reads[0]?.(null);
  await settled();
  expect(reads).toHaveLength(1);
  cache.refreshAll();
  reads[1]?.(view(3));
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 3 });
});

test('locking takes every answer off the page', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  reads[0]?.(view(1));
  await settled();
  cache.forgetAll();
  expect(cache.view(KEY)).toBeUndefined();
});
