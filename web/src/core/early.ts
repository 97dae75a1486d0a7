/**
 * What this browser may know before the vault opens: how the page looks, which keys do what. Per browser, in the clear.
 * Must never hold anything about the account, people or messages; the settings themselves are in the encrypted store.
 */
import type { Theme } from './generated/Theme';

/** Read by public/theme.js before the first paint. */
const THEME = 'securechat-theme';
const KEYS = 'securechat-keys';
/** A key table of this app is a fraction of it. */
const CHARACTERS_MAX = 4_096;

export function heldTheme(): Theme {
  const held = read(THEME);
  return held === 'light' || held === 'dark' ? held : 'system';
}

export function holdTheme(theme: Theme): void {
  if (theme !== heldTheme()) write(THEME, theme === 'system' ? null : theme);
}

/** Combinations that the person chose, by action. Whoever reads it checks every name and value. */
export function heldKeys(): Record<string, unknown> {
  try {
    const held: unknown = JSON.parse(read(KEYS) ?? '{}');
    return typeof held === 'object' && held !== null ? { ...held } : {};
  } catch {
    return {};
  }
}

export function holdKeys(keys: Record<string, unknown>): void {
  write(KEYS, Object.keys(keys).length === 0 ? null : JSON.stringify(keys));
}

/** Nobody lives in this browser any more. */
export function forgetEarly(): void {
  write(THEME, null);
  write(KEYS, null);
}

function read(name: string): string | null {
  try {
    const held = globalThis.localStorage.getItem(name);
    return held !== null && held.length <= CHARACTERS_MAX ? held : null;
  } catch {
    // Browsers that keep nothing for a site throw here; then the page starts with what is usual.
    return null;
  }
}

function write(name: string, value: string | null): void {
  try {
    if (value === null) globalThis.localStorage.removeItem(name);
    else globalThis.localStorage.setItem(name, value);
  } catch {
    // The same browsers: the choice lasts as long as the page.
  }
}
