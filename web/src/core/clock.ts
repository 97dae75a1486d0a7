/**
 * The one clock of the web client, in milliseconds since 1970 (UTC).
 * A build made with `SECURECHAT_CLOCK_HOOK=on` can be shifted by tests; in every other build the hook does not exist.
 */

/** Written in by vite.config.ts; a constant, so that bundlers drop what stands behind it. */
declare const __CLOCK_HOOK__: boolean;

let offset = 0;

export function now(): number {
  if (__CLOCK_HOOK__) return Date.now() + offset;
  return Date.now();
}

/** Tests name the shift in the address: `?securechat_clock_offset_ms=86400000`. */
export function clockOffsetMs(): number {
  if (!__CLOCK_HOOK__) return 0;
  return Number(new URLSearchParams(globalThis.location.search).get('securechat_clock_offset_ms') ?? 0);
}

export function shiftClock(byMs: number): void {
  if (__CLOCK_HOOK__) offset = byMs;
}
