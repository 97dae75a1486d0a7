/** Prints figures, one JSON object a line, into the file that `BENCH_OUT` names. */
import { appendFileSync } from 'node:fs';

export function figure(metric: string, value: number, unit: string): void {
  const rounded = Math.round(value * 1000) / 1000;
  const line = JSON.stringify({ bench: 'web', system: 'chromium', metric, value: rounded, unit });
  const file = process.env['BENCH_OUT'];
  if (file === undefined) console.log(line);
  else appendFileSync(file, `${line}\n`);
}

/** The value that so many percent stay below. */
export function share(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(Math.floor((sorted.length * percent) / 100), sorted.length - 1);
  return sorted[at] ?? Number.NaN;
}

export const median = (values: number[]): number => share(values, 50);
