import { expect, test } from 'vitest';
import type { Query } from './generated/Query';
import { QueryCache } from './queries';

const ACCOUNT: Query = { type: 'account' };
const KEY = JSON.stringify(ACCOUNT);

/** A cache over answers given by hand, in the order of the reads. */
function cacheOver() {
  const reads: { asked: Query[]; answer: (json: string[] | null) => void }[] = [];
  const cache = new QueryCache((asked) => new Promise((answer) => reads.push({ asked, answer })));
  return { cache, reads };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const view = (unread: number) => JSON.stringify({ type: 'account', unread });

test('an answer is shown, and read again when its topic changes', async () => {
  const { cache, reads } = cacheOver();
  let drawn = 0;
  cache.subscribe(KEY, ACCOUNT, () => (drawn += 1));
  expect(cache.view(KEY)).toBeUndefined();
  await settled();
  reads[0]?.answer([view(1)]);
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 1 });
  cache.changed([{ type: 'settings' }]);
  await settled();
  expect(reads).toHaveLength(1);
  cache.changed([{ type: 'account' }]);
  await settled();
  reads[1]?.answer([view(2)]);
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 2 });
  expect(drawn).toBe(2);
});

test('a change while an answer is on its way leads to one more read', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  await settled();
  cache.changed([{ type: 'account' }]);
  cache.changed([{ type: 'account' }]);
  expect(reads).toHaveLength(1);
  await settled();
  reads[0]?.answer([view(1)]);
  await settled();
  expect(reads).toHaveLength(2);
});

test('an equal answer draws nothing', async () => {
  const { cache, reads } = cacheOver();
  let drawn = 0;
  cache.subscribe(KEY, ACCOUNT, () => (drawn += 1));
  await settled();
  reads[0]?.answer([view(1)]);
  await settled();
  cache.changed([{ type: 'account' }]);
  await settled();
  reads[1]?.answer([view(1)]);
  await settled();
  expect(drawn).toBe(1);
});

test('what could not be read is read when the core is ready', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  await settled();
  reads[0]?.answer(null);
  await settled();
  expect(reads).toHaveLength(1);
  cache.refreshAll();
  await settled();
  reads[1]?.answer([view(3)]);
  await settled();
  expect(cache.view(KEY)).toMatchObject({ unread: 3 });
});

test('locking takes every answer off the page', async () => {
  const { cache, reads } = cacheOver();
  cache.subscribe(KEY, ACCOUNT, () => {});
  await settled();
  reads[0]?.answer([view(1)]);
  await settled();
  cache.forgetAll();
  expect(cache.view(KEY)).toBeUndefined();
});

test('what changes together is read in one go and drawn at once', async () => {
  const { cache, reads } = cacheOver();
  const chats: Query = { type: 'chats', filter: 'all' };
  const drawn: unknown[][] = [];
  const look = () => drawn.push([cache.view(KEY), cache.view(JSON.stringify(chats))]);
  cache.subscribe(KEY, ACCOUNT, look);
  cache.subscribe(JSON.stringify(chats), chats, look);
  await settled();
  expect(reads.map((read) => read.asked)).toEqual([[ACCOUNT, chats]]);
  const answers = [view(1), JSON.stringify({ type: 'chats', items: [] })];
  reads[0]?.answer(answers);
  await settled();
  const both = answers.map((json) => JSON.parse(json) as unknown);
  expect(drawn).toEqual([both, both]);
  cache.changed([{ type: 'chats' }, { type: 'account' }]);
  await settled();
  expect(reads).toHaveLength(2);
});
