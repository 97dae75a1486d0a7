/**
 * The one clock of the web client, in milliseconds since 1970 (UTC).
 * A build made with `VITE_CLOCK_HOOK=on` can be shifted by tests; in every other build the hook does not exist.
 */

let offset = 0;

export function now(): number {
  if (import.meta.env['VITE_CLOCK_HOOK'] === 'on') return Date.now() + offset;
  return Date.now();
}

/** Tests name the shift in the address: `?securechat_clock_offset_ms=86400000`. */
export function clockOffsetMs(): number {
  if (import.meta.env['VITE_CLOCK_HOOK'] !== 'on') return 0;
  return Number(new URLSearchParams(globalThis.location.search).get('securechat_clock_offset_ms') ?? 0);
}

export function shiftClock(byMs: number): void {
  if (import.meta.env['VITE_CLOCK_HOOK'] === 'on') offset = byMs;
}
