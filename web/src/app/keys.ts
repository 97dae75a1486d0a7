/** The keyboard of the app, as one table: what the shortcut sheet shows is what the handler obeys. */

/** What one key does to the message that has the focus. Can be switched off, as a whole. */
export type MessageKeyAction = 'reply' | 'react' | 'remove';

export type KeyAction =
  | MessageKeyAction
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

export interface Combination {
  key: string;
  /** Ctrl, on macOS Cmd. */
  primary?: boolean;
  alt?: boolean;
  shift?: boolean;
}

/** What the person chose instead of the table. */
export type ChosenKeys = Partial<Record<KeyAction, Combination>>;

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
  reply: { key: 'r' },
  react: { key: 'e' },
  remove: { key: 'Delete' },
};

const onMessage: readonly KeyAction[] = ['reply', 'react', 'remove'] satisfies MessageKeyAction[];

export function isOnMessage(action: KeyAction): action is MessageKeyAction {
  return onMessage.includes(action);
}

export const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** Every action, in the order in which settings show them. */
export const keyActions = Object.keys(table) as KeyAction[];

export type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** The action of a key press anywhere in the app, or none. On macOS Ctrl+Option stands for Alt+Shift where Option writes characters. */
export function actionOf(event: Pressed, mac: boolean, chosen: ChosenKeys = {}): KeyAction | undefined {
  return keyActions.find(
    (action) => !isOnMessage(action) && matches(event, chosen[action] ?? table[action], mac),
  );
}

/** What a key press does to a message, or nothing. */
export function messageActionOf(event: Pick<Pressed, 'key' | 'code'>, chosen: ChosenKeys = {}) {
  return keyActions.filter(isOnMessage).find((action) => {
    const { key } = chosen[action] ?? table[action];
    return keyOf(event) === key.toLowerCase();
  });
}

/**
 * Which key was pressed, in lower case: what it writes on a Latin keyboard, wherever it lies there. Only a letter of
 * another script, or the sign that macOS writes while Option is held, stands for the letter at its place.
 */
function keyOf({ key, code, altKey }: Pick<Pressed, 'key' | 'code'> & { altKey?: boolean }): string {
  const place = /^Key([A-Z])$/.exec(code)?.[1];
  const written = altKey ? /^[a-z]$/i : /^([!-~]|\p{Script=Latin})$/u;
  return (written.test(key) ? key : (place ?? key)).toLowerCase();
}

/** Keys that say nothing by themselves. */
const modifiers = ['Control', 'Shift', 'Alt', 'AltGraph', 'Meta', 'OS', 'Dead', 'Process', 'Unidentified'];
/** What browsers keep for themselves, with Ctrl or Cmd. */
const reserved = /^([nqrtw]|[0-9]|tab|enter)$/i;

/**
 * The combination of a key press, as a choice for the table: nothing while only modifiers are held, `unusable` for what
 * browsers keep or what would be typed.
 */
export function combinationOf(event: Pressed, mac: boolean): Combination | 'unusable' | undefined {
  if (modifiers.includes(event.key)) return undefined;
  const primary = mac ? event.metaKey : event.ctrlKey;
  const other = mac ? event.ctrlKey : event.metaKey;
  const { altKey: alt, shiftKey: shift } = event;
  const key = keptKey(event);
  const function_ = /^F([1-9]|1[0-2])$/.test(key);
  if (other || !(primary || alt || function_)) return 'unusable';
  if (primary && reserved.test(key)) return 'unusable';
  // Option writes characters on macOS, and the browser's menus open with Alt and a letter.
  if (alt && !primary && key.length === 1 && (mac || !shift)) return 'unusable';
  return {
    key,
    ...(primary && { primary }),
    ...(alt && { alt }),
    ...(shift && { shift }),
  };
}

/** The key as it is kept: named keys in the spelling of the browser. */
function keptKey(event: Pressed): string {
  const key = keyOf(event);
  return key.length === 1 ? key : event.key;
}

/** A single key as a choice for what is done to a message. Arrows, Enter and the like move in the list. */
export function messageKeyOf(event: Pressed): Combination | 'unusable' | undefined {
  if (modifiers.includes(event.key)) return undefined;
  if (event.ctrlKey || event.metaKey || event.altKey) return 'unusable';
  const key = keptKey(event);
  const isSign = [...key].length === 1 && key !== ' ';
  return isSign || key === 'Delete' || key === 'Backspace' || key === 'Insert' ? { key } : 'unusable';
}

/** The other action that already has this combination. */
export function takenBy(wanted: Combination, by: KeyAction, chosen: ChosenKeys): KeyAction | undefined {
  return keyActions.find((action) => action !== by && same(chosen[action] ?? table[action], wanted));
}

export function isUsual(action: KeyAction, wanted: Combination): boolean {
  return same(table[action], wanted);
}

/** Choices as they were written down: whatever is none of ours is left out. */
export function readChosen(held: Record<string, unknown>): ChosenKeys {
  const chosen: ChosenKeys = {};
  for (const action of keyActions) {
    const read = readCombination(held[action]);
    if (!read || takenBy(read, action, chosen) !== undefined) continue;
    const single = !read.primary && !read.alt && !read.shift && !/^F\d+$/.test(read.key);
    if (single === isOnMessage(action)) chosen[action] = read;
  }
  return chosen;
}

function readCombination(held: unknown): Combination | undefined {
  if (typeof held !== 'object' || held === null) return undefined;
  const { key, primary, alt, shift } = held as Record<string, unknown>;
  if (typeof key !== 'string' || key.length === 0 || key.length > 16) return undefined;
  return {
    key,
    ...(primary === true && { primary }),
    ...(alt === true && { alt }),
    ...(shift === true && { shift }),
  };
}

function same(one: Combination, other: Combination): boolean {
  return (
    one.key.toLowerCase() === other.key.toLowerCase() &&
    (one.primary ?? false) === (other.primary ?? false) &&
    (one.alt ?? false) === (other.alt ?? false) &&
    (one.shift ?? false) === (other.shift ?? false)
  );
}

function matches(event: Pressed, wanted: Combination, mac: boolean): boolean {
  if (keyOf(event) !== wanted.key.toLowerCase()) return false;
  const letter = wanted.key.length === 1 && /[a-z]/.test(wanted.key);
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
export function keyLabel(action: KeyAction, mac: boolean, chosen: ChosenKeys = {}): string {
  const { key, primary, alt, shift } = chosen[action] ?? table[action];
  const arrows: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓' };
  const shown = arrows[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  if (mac && alt && shift && key.length === 1) return `⌃ ⌥ ${shown}`;
  return [primary && (mac ? '⌘' : 'Ctrl'), alt && (mac ? '⌥' : 'Alt'), shift && (mac ? '⇧' : 'Shift'), shown]
    .filter(Boolean)
    .join(' ');
}
