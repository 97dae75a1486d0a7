/** The keyboard of the app, as one table: what the shortcut sheet shows is what the handler obeys. */

export type KeyAction =
  | 'quickSwitch'
  | 'searchHere'
  | 'searchAll'
  | 'previousChat'
  | 'nextChat'
  | 'previousUnread'
  | 'nextUnread'
  | 'nextRegion'
  | 'previousRegion'
  | 'newChat'
  | 'shortcuts';

interface Combination {
  key: string;
  /** Ctrl, on macOS Cmd. */
  primary?: boolean;
  alt?: boolean;
  shift?: boolean;
}

const table: Record<KeyAction, Combination> = {
  quickSwitch: { key: 'k', primary: true },
  searchHere: { key: 'f', primary: true },
  searchAll: { key: 'f', primary: true, shift: true },
  previousChat: { key: 'ArrowUp', alt: true },
  nextChat: { key: 'ArrowDown', alt: true },
  previousUnread: { key: 'ArrowUp', alt: true, shift: true },
  nextUnread: { key: 'ArrowDown', alt: true, shift: true },
  nextRegion: { key: 'F6' },
  previousRegion: { key: 'F6', shift: true },
  newChat: { key: 'n', alt: true, shift: true },
  shortcuts: { key: '/', primary: true },
};

type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** The action of a key press, or none. On macOS Ctrl+Option stands for Alt+Shift where Option writes characters. */
export function actionOf(event: Pressed, mac: boolean): KeyAction | undefined {
  for (const [action, wanted] of Object.entries(table) as [KeyAction, Combination][])
    if (matches(event, wanted, mac)) return action;
  return undefined;
}

function matches(event: Pressed, wanted: Combination, mac: boolean): boolean {
  // Letters by their place on the keyboard as well: with Option held, macOS reports another character.
  const letter = wanted.key.length === 1 && /[a-z]/.test(wanted.key);
  const sameKey =
    event.key.toLowerCase() === wanted.key.toLowerCase() ||
    (letter && event.code === `Key${wanted.key.toUpperCase()}`);
  if (!sameKey) return false;
  if (mac && wanted.alt && wanted.shift && letter)
    return event.ctrlKey && event.altKey && !event.metaKey && !event.shiftKey;
  const primary = mac ? event.metaKey : event.ctrlKey;
  const other = mac ? event.ctrlKey : event.metaKey;
  // The shortcut sheet: on many keyboards the slash itself needs Shift.
  const shiftFits = wanted.key === '/' || event.shiftKey === (wanted.shift ?? false);
  return (
    primary === (wanted.primary ?? false) && !other && event.altKey === (wanted.alt ?? false) && shiftFits
  );
}

/** How a combination is written for people. */
export function keyLabel(action: KeyAction, mac: boolean): string {
  const { key, primary, alt, shift } = table[action];
  const arrows: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓' };
  const shown = arrows[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  if (mac && alt && shift && key.length === 1) return `⌃ ⌥ ${shown}`;
  return [primary && (mac ? '⌘' : 'Ctrl'), alt && (mac ? '⌥' : 'Alt'), shift && (mac ? '⇧' : 'Shift'), shown]
    .filter(Boolean)
    .join(' ');
}
