import { describe, expect, it } from 'vitest';
import { actionOf, keyLabel } from './keys';

const press = (key: string, part: Partial<KeyboardEvent> = {}) => ({
  key,
  code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...part,
});

describe('the key table', () => {
  it('knows the combinations of other systems', () => {
    expect(actionOf(press('k', { ctrlKey: true }), false)).toBe('quickSwitch');
    expect(actionOf(press('F', { ctrlKey: true, shiftKey: true }), false)).toBe('searchAll');
    expect(actionOf(press('ArrowDown', { altKey: true, shiftKey: true }), false)).toBe('nextUnread');
    expect(actionOf(press('F6', { shiftKey: true }), false)).toBe('previousRegion');
    expect(actionOf(press('N', { altKey: true, shiftKey: true }), false)).toBe('newChat');
  });

  it('knows those of macOS, where Option writes other characters', () => {
    expect(actionOf(press('k', { metaKey: true }), true)).toBe('quickSwitch');
    expect(actionOf(press('˜', { code: 'KeyN', ctrlKey: true, altKey: true }), true)).toBe('newChat');
    expect(actionOf(press('k', { ctrlKey: true }), true)).toBeUndefined();
  });

  it('leaves plain letters and the keys of the browser alone', () => {
    for (const key of ['k', 'f', 'n', '/']) expect(actionOf(press(key), false)).toBeUndefined();
    for (const key of ['n', 't', 'w', '1'])
      expect(actionOf(press(key, { ctrlKey: true }), false)).toBeUndefined();
  });

  it('takes the slash with Shift, as many keyboards have it', () => {
    expect(actionOf(press('/', { ctrlKey: true, shiftKey: true }), false)).toBe('shortcuts');
  });

  it('is written as people know it', () => {
    expect(keyLabel('searchAll', false)).toBe('Ctrl Shift F');
    expect(keyLabel('newChat', true)).toBe('⌃ ⌥ N');
    expect(keyLabel('nextChat', false)).toBe('Alt ↓');
  });
});
