import { afterEach, expect, test, vi } from 'vitest';
import { forgetEarly, heldKeys, heldTheme, holdKeys, holdTheme } from './early';

afterEach(() => localStorage.clear());

test('a theme is held until the system decides again', () => {
  expect(heldTheme()).toBe('system');
  holdTheme('dark');
  expect(heldTheme()).toBe('dark');
  holdTheme('system');
  expect(heldTheme()).toBe('system');
  expect(localStorage).toHaveLength(0);
});

test('keys are held, and nothing is left when nobody is here', () => {
  holdKeys({ newChat: 'Alt+j' });
  holdTheme('light');
  expect(heldKeys()).toEqual({ newChat: 'Alt+j' });
  forgetEarly();
  expect(heldKeys()).toEqual({});
  expect(localStorage).toHaveLength(0);
});

test.each([
  ['not JSON', 'not json'],
  ['a text', '"text"'],
  ['nothing', 'null'],
  ['a number', '7'],
  ['too long', `{"newChat":"${'k'.repeat(5_000)}"}`],
])('what others wrote there is not believed: %s', (_, written) => {
  localStorage.setItem('securechat-keys', written);
  localStorage.setItem('securechat-theme', written);
  expect(heldKeys()).toEqual({});
  expect(heldTheme()).toBe('system');
});

test('a browser that keeps nothing for a site changes nothing', () => {
  const denied = vi.spyOn(globalThis, 'localStorage', 'get').mockImplementation(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  holdTheme('dark');
  holdKeys({ newChat: 'Alt+j' });
  expect(heldTheme()).toBe('system');
  expect(heldKeys()).toEqual({});
  denied.mockRestore();
});
