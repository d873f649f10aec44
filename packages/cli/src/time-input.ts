/** Owns how a time is given on the command line: ISO 8601, or how far it is away. */
import { usageError } from './exit-codes.ts';

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const isoTime = /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Reads a time as ISO 8601 in UTC: `2026-01-31T12:00:00Z`, the same without a zone (that of this machine), a day (its start in UTC), or
 * a duration such as `90s`, `30m`, `2h`, `7d` or `1w`, counted from `now`.
 * @param direction what a duration means: so long from now, or so long ago.
 * @throws CommandError.
 */
export function parseMoment(text: string, option: string, direction: 'ahead' | 'ago', now: Date): string {
  const duration = /^([0-9]{1,9})([smhdw])$/.exec(text);
  const time =
    duration === null
      ? parseIso(text)
      : now.getTime() +
        (direction === 'ahead' ? 1000 : -1000) * Number(duration[1]) * (unitSeconds[duration[2] ?? ''] ?? 0);
  const moment = new Date(time);
  if (!Number.isNaN(moment.getTime())) return moment.toISOString();
  const example = direction === 'ahead' ? '2h (in two hours)' : '2h (two hours ago)';
  throw usageError(
    `${option} takes a time such as 2026-01-31T12:00:00Z, or ${example}; ${JSON.stringify(text)} is neither.`,
  );
}

/** Whether a text is a duration such as `2h`. */
export function isDuration(text: string): boolean {
  return /^[0-9]{1,9}[smhdw]$/.test(text);
}

function parseIso(text: string): number {
  const day = isoTime.exec(text)?.[1];
  if (day === undefined) return Number.NaN;
  // `Date` takes 30 February for a day in March.
  const midnight = new Date(day);
  const real = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
  return real ? new Date(text.replace(' ', 'T')).getTime() : Number.NaN;
}
