import { beforeEach, expect, test } from 'vitest';
import { useToasts } from './toasts';

const toasts = () => useToasts.getState();
let happened: string[];

beforeEach(() => {
  toasts().drop();
  happened = [];
});

function show(name: string): void {
  toasts().show({
    text: name,
    onUndo: () => happened.push(`${name} undone`),
    onExpire: () => happened.push(name),
  });
}

test('what a toast holds back happens when it leaves, or is undone', () => {
  show('one');
  show('two');
  const [one, two] = toasts().toasts;
  toasts().gone(one?.id ?? 0, false);
  toasts().gone(two?.id ?? 0, true);
  expect(happened).toEqual(['one', 'two undone']);
});

test('a fourth toast pushes the first out, whose time is over', () => {
  for (const name of ['one', 'two', 'three', 'four']) show(name);
  expect(toasts().toasts.map((toast) => toast.text)).toEqual(['two', 'three', 'four']);
  expect(happened).toEqual(['one']);
});

test('before a lock or a closed page all of it happens, once', () => {
  show('one');
  show('two');
  toasts().settle();
  toasts().settle();
  expect(happened).toEqual(['one', 'two']);
  expect(toasts().toasts).toEqual([]);
});

test('a screen that is gone takes its toasts along', () => {
  show('one');
  toasts().drop();
  expect(toasts().toasts).toEqual([]);
  expect(happened).toEqual([]);
});
