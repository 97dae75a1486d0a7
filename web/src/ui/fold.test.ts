import { expect, it } from 'vitest';
import { folded } from './fold';

it.each([
  ['a short text', 'Train is confirmed, three seats together.'],
  ['a text that is hardly too long', 'word '.repeat(330)],
  ['a list that is hardly too long', 'line\n'.repeat(27).trimEnd()],
])('%s is shown whole', (_name, text) => {
  expect(folded(text)).toBeNull();
});

it('a long text is cut between two words', () => {
  const text = Array.from({ length: 2_000 }, (_, index) => `word${index}`).join(' ');
  const start = folded(text) ?? '';
  expect(start.length).toBeGreaterThan(1_400);
  expect(start.length).toBeLessThan(1_510);
  expect(start).toMatch(/ word\d+ …$/);
  const words = start.replace(/ …$/, '').split(' ');
  expect(text.split(' ').slice(0, words.length)).toEqual(words);
});

it('many short lines are cut after the twenty-fourth', () => {
  const text = Array.from({ length: 400 }, (_, index) => `${index + 1}`).join('\n');
  expect(folded(text)?.split('\n').at(-1)).toBe('24 …');
});

it('an endless word is cut between two characters', () => {
  const start = folded(`a${'👩‍👩‍👧'.repeat(1_000)}`) ?? '';
  expect(start).toMatch(/^a(?:👩‍👩‍👧)+…$/u);
  expect(folded('x'.repeat(16_384))?.length).toBeLessThan(1_502);
});
