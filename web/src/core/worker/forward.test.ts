import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Between, Call, CallResult } from '../messages';
import { Desk, Follower } from './forward';

const COMMAND: Call = { kind: 'command', command: { type: 'set_profile', display_name: 'Ada' } };
const QUERY: Call = { kind: 'query', queries: [{ type: 'account' }] };
const DONE: CallResult = { kind: 'command', result: { type: 'ok', reply: { type: 'done' } } };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function followerWithLog(): { follower: Follower; sent: Between[] } {
  const sent: Between[] = [];
  return { follower: new Follower('tab', (message) => sent.push(message)), sent };
}

test('a call is sent again until a leader takes it', async () => {
  const { follower, sent } = followerWithLog();
  const answer = follower.call(COMMAND);
  await vi.advanceTimersByTimeAsync(450);
  expect(sent).toHaveLength(3);
  follower.taken(1, 7);
  await vi.advanceTimersByTimeAsync(1000);
  expect(sent).toHaveLength(3);
  follower.result(1, DONE);
  expect(await answer).toEqual(DONE);
});

test('a command that a vanished leader had taken is not repeated', async () => {
  const { follower, sent } = followerWithLog();
  const answer = follower.call(COMMAND);
  follower.taken(1, 7);
  follower.leaderChanged(8);
  expect(await answer).toEqual({ kind: 'interrupted' });
  expect(sent).toHaveLength(1);
});

test('a query that a vanished leader had taken is asked again', () => {
  const { follower, sent } = followerWithLog();
  void follower.call(QUERY);
  follower.taken(1, 7);
  follower.leaderChanged(8);
  expect(sent).toHaveLength(2);
});

test('a tab that takes the lead carries out what no one had taken', async () => {
  const { follower } = followerWithLog();
  const answer = follower.call(COMMAND);
  const carriedOut: Call[] = [];
  follower.takeOver((call) => {
    carriedOut.push(call);
    return Promise.resolve(DONE);
  });
  expect(await answer).toEqual(DONE);
  expect(carriedOut).toEqual([COMMAND]);
});

test('a number that comes twice is carried out once and answered twice', async () => {
  const sent: Between[] = [];
  let carriedOut = 0;
  const desk = new Desk(
    7,
    (message) => sent.push(message),
    () => {
      carriedOut += 1;
      return Promise.resolve(DONE);
    },
  );
  await desk.hear('tab', 1, COMMAND);
  await desk.hear('tab', 1, COMMAND);
  expect(carriedOut).toBe(1);
  expect(sent.map((message) => message.type)).toEqual(['taken', 'result', 'result']);
});
