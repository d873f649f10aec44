/** Owns how values travel as text between JavaScript and PostgreSQL: the same for both adapters. */
import type { SqlParameter } from './database.ts';

/** A parameter as the text that PostgreSQL reads under any session settings. @throws `RangeError` for an invalid Date. */
export function encodeParameter(value: SqlParameter): string | null {
  if (value === null) return null;
  return isList(value) ? `{${value.map(encodeElement).join(',')}}` : encodeScalar(value);
}

/** What turns the text of a column of type `oid` into its value. Each throws a `RangeError` for what JavaScript cannot hold. */
export function columnParser(oid: number): (text: string) => unknown {
  return parsers.get(oid) ?? asText;
}

type Scalar = string | number | boolean | Date;

// Array.isArray does not narrow readonly arrays.
function isList(value: Scalar | readonly (Scalar | null)[]): value is readonly (Scalar | null)[] {
  return Array.isArray(value);
}

function encodeScalar(value: Scalar): string {
  if (typeof value === 'string') return value;
  return value instanceof Date ? value.toISOString() : String(value);
}

function encodeElement(value: Scalar | null): string {
  return value === null ? 'NULL' : `"${encodeScalar(value).replaceAll(/["\\]/g, '\\$&')}"`;
}

const asText = (text: string): string => text;
const asBoolean = (text: string): boolean => text === 't';

function asInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the int8 ${text} does not fit a number`);
  return value;
}

// ISO style, whatever the time zone of the session: some zones of the past have offsets with seconds.
const isoTime = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;

/** Keeps milliseconds, as a Date does: finer digits are cut off. */
function asTime(text: string): Date {
  const match = isoTime.exec(text);
  if (match === null) throw new RangeError(`the timestamptz ${text} does not fit a Date or is not in ISO style`);
  const part = (index: number): number => Number(match[index] ?? 0);
  const millisecond = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const local = new Date(0);
  local.setUTCFullYear(part(1), part(2) - 1, part(3));
  local.setUTCHours(part(4), part(5), part(6), millisecond);
  const offset = (part(9) * 60 + part(10)) * 60 + part(11);
  return new Date(local.getTime() - (match[8] === '-' ? -offset : offset) * 1000);
}

function asList(parse: (text: string) => unknown): (text: string) => unknown[] {
  return (text) => {
    if (!text.startsWith('{') || text.startsWith('{{'))
      throw new RangeError(`the array ${text} has several dimensions`);
    const list: unknown[] = [];
    const element = /[{,](?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^",{}]+))/gsuy;
    for (let match = element.exec(text); match !== null; match = element.exec(text)) {
      const [, quoted, plain] = match;
      if (quoted !== undefined) list.push(parse(quoted.replaceAll(/\\(.)/gsu, '$1')));
      else list.push(plain === 'NULL' || plain === undefined ? null : parse(plain));
    }
    return list;
  };
}

/** The types whose values are not their text: object ids from `pg_type`, of the type and of its array. */
const readTypes: readonly (readonly [oid: number, arrayOid: number, parse: (text: string) => unknown])[] = [
  [16, 1000, asBoolean],
  [20, 1016, asInteger],
  [21, 1005, Number],
  [23, 1007, Number],
  [700, 1021, Number],
  [701, 1022, Number],
  [1184, 1185, asTime],
];

// "char", name, text, oid, json, bpchar, varchar, date, timestamp, numeric, uuid, jsonb.
const textArrays = [1002, 1003, 1009, 1028, 199, 1014, 1015, 1182, 1115, 1231, 2951, 3807];

const parsers = new Map<number, (text: string) => unknown>([
  ...readTypes.map(([oid, , parse]) => [oid, parse] as const),
  ...readTypes.map(([, arrayOid, parse]) => [arrayOid, asList(parse)] as const),
  ...textArrays.map((arrayOid) => [arrayOid, asList(asText)] as const),
]);
