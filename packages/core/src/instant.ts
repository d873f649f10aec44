/** Owns reading points in time: ISO 8601 with a zone, or a date for its first moment in UTC. */

const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/;

const earliest = Date.parse('0001-01-01T00:00:00.000Z');
const latest = Date.parse('9999-12-31T23:59:59.999Z');

/** Milliseconds since 1970; `undefined` for what is no such time, or outside of the years 1 to 9999, which PostgreSQL can store. */
export function parseInstant(text: string): number | undefined {
  if (!isoTime.test(text)) return undefined;
  const at = Date.parse(text);
  return at >= earliest && at <= latest && isCalendarDay(text.slice(0, 10)) ? at : undefined;
}

/** `Date` takes 30 February for 1 or 2 March. */
function isCalendarDay(day: string): boolean {
  return new Date(day).toISOString().startsWith(day);
}
