/** Dates and sizes in the person's own language; all times are milliseconds since 1970, UTC. */

const DAY_MS = 24 * 60 * 60 * 1000;

/** Making a formatter costs a hundred times more than using it, and every row of every list uses one. */
const formatters = new Map<string, Intl.DateTimeFormat>();
const relative = new Map<string, Intl.RelativeTimeFormat>();

function format(ms: number, locale: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${locale} ${JSON.stringify(options)}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(locale, options);
    formatters.set(key, formatter);
  }
  return formatter.format(ms);
}

function startOfDay(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Whole calendar days between two moments in local time; 0 = the same day. */
export function daysBetween(earlierMs: number, laterMs: number): number {
  return Math.round((startOfDay(laterMs) - startOfDay(earlierMs)) / DAY_MS);
}

/** 18:53 or 6:53 pm, as the language has it. */
export function formatClock(ms: number, locale: string): string {
  return format(ms, locale, { timeStyle: 'short' });
}

/** Time for a list: the clock today, "Yesterday", a weekday this week, else a short date. */
export function formatListTime(ms: number, nowMs: number, locale: string): string {
  const days = daysBetween(ms, nowMs);
  if (days <= 0) return formatClock(ms, locale);
  if (days === 1) return relativeDay(-1, locale);
  if (days < 7) return format(ms, locale, { weekday: 'short' });
  return formatDate(ms, nowMs, locale);
}

/** Heading of a day in a conversation. */
export function formatDay(ms: number, nowMs: number, locale: string): string {
  const days = daysBetween(ms, nowMs);
  if (days === 0) return relativeDay(0, locale);
  if (days === 1) return relativeDay(-1, locale);
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  return format(ms, locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: sameYear ? undefined : 'numeric',
  });
}

/** 12 Nov, with the year when it is another one. */
export function formatDate(ms: number, nowMs: number, locale: string): string {
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  return format(ms, locale, {
    day: 'numeric',
    month: 'short',
    year: sameYear ? undefined : 'numeric',
  });
}

/** Date and clock, for details and logs. */
export function formatMoment(ms: number, locale: string): string {
  return format(ms, locale, { dateStyle: 'medium', timeStyle: 'short' });
}

/** 84 KB, 1.8 MB. */
export function formatBytes(bytes: number, locale: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let value = bytes;
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[step],
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value);
}

function relativeDay(days: number, locale: string): string {
  let formatter = relative.get(locale);
  if (!formatter) {
    formatter = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
    relative.set(locale, formatter);
  }
  const word = formatter.format(days, 'day');
  return word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
}
