/** Owns what JSON Schema can say of a Zod text: which formats and patterns carry over, and which stay code. */
import { z } from 'zod';
import { knownFormats } from '../json-schema.ts';
import { constantMessage } from './messages.ts';
import { isLinearPattern } from './linear-pattern.ts';

/** A check of a Zod schema, with what concerns texts. */
export interface StringFormatDef {
  readonly check: string;
  readonly format: string;
  readonly pattern?: RegExp | undefined;
  readonly local?: boolean;
  readonly precision?: number | null;
  readonly protocol?: RegExp;
  readonly hostname?: RegExp;
  readonly normalize?: boolean;
  /** The rule of a `z.stringFormat`. */
  readonly fn?: unknown;
  readonly error?: unknown;
}

/** One rule of a text as keywords of JSON Schema; empty when none can say it. */
export interface StringRule {
  readonly format?: string;
  readonly pattern?: string;
  readonly 'x-messages'?: Readonly<Record<string, string>>;
}

/** Zod's names for formats that JSON Schema calls otherwise. */
const renamed: Readonly<Record<string, string>> = { datetime: 'date-time', url: 'uri', guid: 'uuid' };

/** Formats with more to them than a pattern: a checksum, a signature's header. */
const checkedByCode = new Set(['jwt', 'credit_card', 'iban', 'json_string']);

/** What Zod itself checks base64 by is laxer than the pattern that it publishes. */
const published: Readonly<Record<string, RegExp>> = { base64: z.regexes.base64, base64url: z.regexes.base64url };

/** Zod's own patterns, which its formats stand for. */
const ownPatterns = new Set(
  Object.values(z.regexes).flatMap((pattern) => (pattern instanceof RegExp ? [pattern.source] : [])),
);

/** The JSON Schema of a text format or pattern. */
export function stringRule(def: StringFormatDef): StringRule {
  const format = formatOf(def);
  const pattern = published[def.format] ?? def.pattern;
  const linear = pattern !== undefined && isLinearPattern(pattern);
  const message = constantMessage(def.error);
  const rule = {
    ...(format === undefined ? {} : { format }),
    ...(linear ? { pattern: pattern.source } : {}),
  };
  if (message === undefined || Object.keys(rule).length === 0) return rule;
  return { ...rule, 'x-messages': Object.fromEntries(Object.keys(rule).map((keyword) => [keyword, message])) };
}

/** Whether JSON Schema cannot say all of a text format or pattern. */
export function isCodeRule(def: StringFormatDef): boolean {
  if (checkedByCode.has(def.format)) return true;
  if (def.format === 'url') return def.protocol !== undefined || def.hostname !== undefined;
  const { pattern } = def;
  if (pattern === undefined) return formatOf(def) === undefined;
  if (isLinearPattern(pattern)) return false;
  return !ownPatterns.has(pattern.source) || formatOf(def) === undefined;
}

function formatOf(def: StringFormatDef): string | undefined {
  // Zod's times have no zone, and these dates with time may lack one or the seconds: JSON Schema's formats do not.
  if (def.format === 'time' || def.local === true || def.precision === -1) return undefined;
  // A pattern of any kind is no format, and an author's own rule decides alone: it may take what the format of that name refuses.
  const isOwn = def.pattern !== undefined && ownPatterns.has(def.pattern.source);
  if (def.format === 'regex' || (def.fn !== undefined && !isOwn)) return undefined;
  if (def.format === 'email' && def.pattern?.source !== z.regexes.email.source) return undefined;
  const format = renamed[def.format] ?? def.format;
  return knownFormats.has(format) ? format : undefined;
}
