import { beforeEach, describe, expect, it } from 'vitest';
import { moveRegion } from './useShortcuts';

function element(tag: string, parts: Record<string, string>, children: HTMLElement[] = []): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(parts)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const region = (...children: HTMLElement[]) => element('div', { 'data-region': '' }, children);
const link = (parts: Record<string, string>) => element('a', { href: '#/', ...parts });
const hidden = { style: 'display: none' };

beforeEach(() => {
  document.body.replaceChildren(
    region(link({}), link({ id: 'rail', 'aria-current': 'page' })),
    region(link({ tabindex: '-1' }), link({ id: 'row', 'aria-current': 'true' })),
    region(link(hidden), link({ id: 'header' })),
    element('div', { role: 'log' }, [
      element('article', { 'data-message': '1', tabindex: '-1' }),
      element('article', { 'data-message': '2', tabindex: '0', id: 'message' }),
    ]),
    element('div', { 'data-region': '', ...hidden }, [element('button', {})]),
    region(
      element('button', {}),
      element('textarea', { disabled: '' }),
      element('textarea', { id: 'composer' }),
    ),
  );
});

const walk = (step: 1 | -1, presses: number) =>
  Array.from({ length: presses }, () => {
    moveRegion(step);
    return document.activeElement?.id;
  });

describe('going from region to region', () => {
  it('enters each where one was, past what is hidden, round and back', () => {
    const round = ['rail', 'row', 'header', 'message', 'composer'];
    expect(walk(1, 6)).toEqual([...round, 'rail']);
    expect(walk(-1, 5)).toEqual(round.toReversed());
  });

  it('begins at the last one when it goes backwards from nowhere', () => {
    expect(walk(-1, 1)).toEqual(['composer']);
  });
});
