import { describe, expect, it } from 'vitest';
import {
  actionOf,
  combinationOf,
  keyActions,
  keyLabel,
  messageActionOf,
  messageKeyOf,
  readChosen,
  takenBy,
} from './keys';

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

  it('obeys what the person chose instead, and no longer what was usual', () => {
    const chosen = { quickSwitch: { key: 'j', primary: true } };
    expect(actionOf(press('j', { ctrlKey: true }), false, chosen)).toBe('quickSwitch');
    expect(actionOf(press('k', { ctrlKey: true }), false, chosen)).toBeUndefined();
    expect(keyLabel('quickSwitch', false, chosen)).toBe('Ctrl J');
  });

  it('takes as a choice what a keyboard can say without typing, and what the browser leaves', () => {
    expect(combinationOf(press('j', { ctrlKey: true }), false)).toEqual({ key: 'j', primary: true });
    expect(combinationOf(press('J', { altKey: true, shiftKey: true }), false)).toEqual({
      key: 'j',
      alt: true,
      shift: true,
    });
    expect(combinationOf(press('F7'), false)).toEqual({ key: 'F7' });
    expect(combinationOf(press('Control', { ctrlKey: true }), false)).toBeUndefined();
    for (const [key, part] of [
      ['j', {}],
      ['J', { shiftKey: true }],
      ['t', { ctrlKey: true }],
      ['1', { ctrlKey: true }],
      ['d', { altKey: true }],
      ['j', { metaKey: true }],
    ] as const)
      expect(combinationOf(press(key, part), false), key).toBe('unusable');
  });

  it('gives no combination to two actions', () => {
    expect(takenBy({ key: 'k', primary: true }, 'newChat', {})).toBe('quickSwitch');
    expect(takenBy({ key: 'k', primary: true }, 'quickSwitch', {})).toBeUndefined();
    expect(takenBy({ key: 'k', primary: true }, 'newChat', { quickSwitch: { key: 'F7' } })).toBeUndefined();
    for (const action of keyActions) expect(takenBy({ key: 'j', primary: true }, action, {})).toBeUndefined();
  });

  it('knows the single keys of a message, which do nothing elsewhere', () => {
    expect(messageActionOf(press('r'))).toBe('reply');
    expect(messageActionOf(press('R', { shiftKey: true }))).toBe('reply');
    expect(messageActionOf(press('к', { code: 'KeyR' })), 'by its place').toBe('reply');
    expect(messageActionOf(press('Delete'))).toBe('remove');
    for (const key of ['r', 'e', 'Delete']) expect(actionOf(press(key), false)).toBeUndefined();
    const chosen = { reply: { key: '#' } };
    expect(messageActionOf(press('#'), chosen)).toBe('reply');
    expect(messageActionOf(press('r'), chosen)).toBeUndefined();
  });

  it('means the letter that is printed on the key, wherever the keyboard has it', () => {
    const germanZ = press('z', { code: 'KeyY' });
    const germanY = press('y', { code: 'KeyZ' });
    expect(messageKeyOf(germanZ)).toEqual({ key: 'z' });
    expect(messageKeyOf(germanY)).toEqual({ key: 'y' });
    const chosen = { reply: { key: 'z' }, react: { key: 'y' } };
    expect(messageActionOf(germanZ, chosen)).toBe('reply');
    expect(messageActionOf(germanY, chosen)).toBe('react');
    expect(keyLabel('reply', false, chosen)).toBe('Z');
    const ctrl = { ctrlKey: true };
    expect(combinationOf(press('y', { code: 'KeyZ', ...ctrl }), false)).toEqual({ key: 'y', primary: true });
    const both = { quickSwitch: { key: 'y', primary: true }, searchHere: { key: 'z', primary: true } };
    expect(actionOf(press('y', { code: 'KeyZ', ...ctrl }), false, both)).toBe('quickSwitch');
    expect(actionOf(press('z', { code: 'KeyY', ...ctrl }), false, both)).toBe('searchHere');
    // Dvorak writes a full stop where others have E, French keyboards a comma where others have M.
    expect(messageActionOf(press('.', { code: 'KeyE' }))).toBeUndefined();
    expect(messageKeyOf(press(',', { code: 'KeyM' }))).toEqual({ key: ',' });
    expect(messageKeyOf(press('ğ', { code: 'KeyE' }))).toEqual({ key: 'ğ' });
  });

  it('means the place where a keyboard writes another script, or Option another sign', () => {
    expect(messageKeyOf(press('й', { code: 'KeyQ' }))).toEqual({ key: 'q' });
    expect(messageActionOf(press('й', { code: 'KeyQ' }), { reply: { key: 'q' } })).toBe('reply');
    expect(messageActionOf(press('ρ', { code: 'KeyR' }))).toBe('reply');
    expect(actionOf(press('л', { code: 'KeyK', ctrlKey: true }), false)).toBe('quickSwitch');
    expect(combinationOf(press('ц', { code: 'KeyW', ctrlKey: true }), false)).toBe('unusable');
    const option = { metaKey: true, altKey: true };
    expect(combinationOf(press('ø', { code: 'KeyO', ...option }), true)).toMatchObject({ key: 'o' });
    const chosen = { newChat: { key: 'o', primary: true, alt: true } };
    expect(actionOf(press('ø', { code: 'KeyO', ...option }), true, chosen)).toBe('newChat');
  });

  it('takes one sign as the key of a message, and nothing that moves or confirms', () => {
    expect(messageKeyOf(press('Q'))).toEqual({ key: 'q' });
    expect(messageKeyOf(press('#', { shiftKey: true }))).toEqual({ key: '#' });
    expect(messageKeyOf(press('Backspace'))).toEqual({ key: 'Backspace' });
    expect(messageKeyOf(press('Shift', { shiftKey: true }))).toBeUndefined();
    for (const [key, part] of [
      [' ', {}],
      ['Enter', {}],
      ['ArrowUp', {}],
      ['Home', {}],
      ['F7', {}],
      ['q', { ctrlKey: true }],
      ['q', { altKey: true }],
    ] as const)
      expect(messageKeyOf(press(key, part)), key).toBe('unusable');
    expect(takenBy({ key: 'e' }, 'reply', {})).toBe('react');
  });

  it('reads choices back, and nothing that is none', () => {
    expect(
      readChosen({
        quickSwitch: { key: 'j', primary: true, alt: 'yes' },
        newChat: { key: 'j', primary: true },
        nextChat: { key: '' },
        previousChat: 'F7',
        searchHere: { key: 'j' },
        reply: { key: 'q' },
        react: { key: 'q', alt: true },
        other: { key: 'F8' },
      }),
    ).toEqual({ quickSwitch: { key: 'j', primary: true }, reply: { key: 'q' } });
  });
});
