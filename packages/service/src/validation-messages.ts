/** Owns the words for what is wrong with a value: complete small sentences about its schema, never quoting the value itself. */
import { closestName, formatPath, type JsonValue, type Path } from '@strata/core';
import type { ErrorObject } from 'ajv/dist/2020.js';

/** One thing that is wrong, in words, with what tells it from others. */
export interface Finding {
  readonly path: Path;
  /** The keyword of JSON Schema that found it. */
  readonly keyword: string;
  /** What follows the path in the sentence. */
  readonly text: string;
  /** Whether the author of the schema chose the words. */
  readonly authored: boolean;
  /** The schema that holds the keyword. */
  readonly schema: unknown;
  /** What would be right there, in words, where that can be listed. */
  readonly allowed?: readonly string[];
}

/** Writes a finding as a sentence that begins with its path. */
export function sentence(path: Path, text: string): string {
  const subject = path.length === 0 ? 'the value' : formatPath(path);
  return verb.test(text) ? `${subject} ${text}` : `${subject}: ${text}`;
}

/** The words with which a text goes on from its subject; anything else stands for itself, after a colon. */
const verb = /^(?:must|is|are|has|have|may|can|cannot|needs?|fits|breaks|should)\b/;

/** Describes one error of the engine for `value`. */
export function describeError(error: ErrorObject, value: JsonValue, isSecret: (path: Path) => boolean): Finding {
  const place = pathOf(error.instancePath, value);
  const { step, text, allowed } = describe(error, isSecret(place));
  const path = step === undefined ? place : [...place, step];
  const authored = authoredText(error);
  const finding = {
    path,
    keyword: error.keyword,
    text: authored ?? text,
    authored: authored !== undefined,
    schema: error.parentSchema,
  };
  return allowed === undefined ? finding : { ...finding, allowed };
}

/** The place that a JSON pointer means: only the value tells whether `0` is a name or an index. */
function pathOf(pointer: string, value: JsonValue): Path {
  let current: unknown = value;
  return pointer
    .split('/')
    .slice(1)
    .map((token) => {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(current) ? Number(name) : name;
      current = (current as Record<string | number, unknown> | undefined)?.[step];
      return step;
    });
}

/** What the author of the schema says instead. */
function authoredText({ parentSchema, keyword }: ErrorObject): string | undefined {
  const messages: unknown = parentSchema?.['x-messages'];
  if (typeof messages !== 'object' || messages === null || !Object.hasOwn(messages, keyword)) return undefined;
  const text: unknown = (messages as Record<string, unknown>)[keyword];
  return typeof text === 'string' ? text : undefined;
}

interface Description {
  readonly text: string;
  /** Where the problem is one step below the value that was checked. */
  readonly step?: string;
  readonly allowed?: readonly string[];
}

function describe(error: ErrorObject, secret: boolean): Description {
  const { keyword, schema } = error;
  switch (keyword) {
    case 'type':
      return describeType(error);
    case 'enum':
      return describeChoice((schema as readonly JsonValue[]).map(valueWords), secret);
    case 'const':
      return describeChoice([valueWords(schema as JsonValue)], secret);
    case 'required':
    case 'additionalProperties':
    case 'propertyNames':
    case 'dependentRequired':
      return describeName(error);
    case 'format':
      return { text: `must be ${formatWords[String(schema)] ?? `a valid ${String(schema)}`}` };
    case 'pattern':
      return describePattern(error);
    default:
      return { text: boundText(error) };
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

function describeType({ schema, data }: ErrorObject): Description {
  const types = Array.isArray(schema) ? (schema as readonly string[]) : [String(schema)];
  const allowed = types.map((type) => typeWords[type] ?? type);
  return { text: `must be ${alternatives(allowed)}${insteadOf(data, types)}`, allowed };
}

/** What the value is, in words, unless that helps nobody: a fraction in place of a whole number. */
export function insteadOf(data: unknown, types: readonly string[] = []): string {
  if (typeof data === 'number' && types.includes('integer')) return '';
  if (typeof data === 'boolean') return ', not a boolean';
  const type = data === null ? 'null' : Array.isArray(data) ? 'array' : typeof data;
  return `, not ${typeWords[type] ?? type}`;
}

/** The sentence for a value that is none of those allowed. */
export function describeChoice(allowed: readonly string[], secret: boolean): Description {
  if (secret) return { text: 'is not one of the allowed values' };
  if (allowed.length === 1) return { text: `must be ${String(allowed[0])}`, allowed };
  const more = allowed.length > 20 ? `, … (${String(allowed.length)} in all)` : '';
  return { text: `must be one of ${allowed.slice(0, 20).join(', ')}${more}`, allowed };
}

function valueWords(value: JsonValue): string {
  const text = typeof value === 'string' && /^[\w./#:+-]+$/.test(value) ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** `a, b or c` */
export function alternatives(words: readonly string[]): string {
  const distinct = [...new Set(words)];
  const last = distinct.at(-1) ?? '';
  return distinct.length < 2 ? last : `${distinct.slice(0, -1).join(', ')} or ${last}`;
}

function describeName({ keyword, params, parentSchema }: ErrorObject): Description {
  const name = (parameter: string): string => String((params as Record<string, unknown>)[parameter]);
  switch (keyword) {
    case 'required':
      return { step: name('missingProperty'), text: 'is required' };
    case 'dependentRequired':
      return { step: name('missingProperty'), text: `is required where ${formatPath([name('property')])} is given` };
    case 'propertyNames':
      return { step: name('propertyName'), text: 'is not an allowed property name' };
    default: {
      const unknown = name('additionalProperty');
      return { step: unknown, text: `is not a known property${knownWords(unknown, parentSchema)}` };
    }
  }
}

function knownWords(unknown: string, parentSchema: ErrorObject['parentSchema']): string {
  const properties: unknown = parentSchema?.['properties'];
  if (typeof properties !== 'object' || properties === null) return '';
  const known = Object.keys(properties);
  const meant = closestName(unknown, known);
  if (meant !== undefined) return ` (did you mean ${formatPath([meant])}?)`;
  if (known.length === 0 || known.length > 12) return '';
  return ` (known: ${known.map((name) => formatPath([name])).join(', ')})`;
}

const formatWords: Readonly<Record<string, string>> = {
  'date-time': 'a date and time like 2026-01-31T12:00:00Z',
  date: 'a date like 2026-01-31',
  time: 'a time like 12:00:00Z',
  duration: 'a duration like P1DT12H',
  email: 'an e-mail address like name@example.com',
  hostname: 'a host name like www.example.com',
  ipv4: 'an IPv4 address like 192.0.2.1',
  ipv6: 'an IPv6 address like 2001:db8::1',
  uuid: 'a UUID',
  uri: 'a URL like https://example.com',
  'uri-reference': 'a URL or a path of one',
  'uri-template': 'a URI template',
  regex: 'a regular expression',
  'json-pointer': 'a JSON pointer like /a/b',
  'relative-json-pointer': 'a relative JSON pointer like 1/a',
};

/** Beside a format, a pattern only narrows it: the format says better what is meant. */
function describePattern({ schema, parentSchema }: ErrorObject): Description {
  const format: unknown = parentSchema?.['format'];
  const words = typeof format === 'string' ? formatWords[format] : undefined;
  return { text: words === undefined ? `must match the pattern ${String(schema)}` : `must be ${words}` };
}

const noForm = 'fits none of the allowed forms';

function boundText({ keyword, schema, params }: ErrorObject): string {
  const limit = String((params as { readonly limit?: unknown }).limit ?? schema);
  const count = (noun: string): string => `${limit} ${limit === '1' ? noun : noun.replace(/y$/, 'ie').concat('s')}`;
  switch (keyword) {
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'exclusiveMinimum':
      return `must be more than ${limit}`;
    case 'exclusiveMaximum':
      return `must be less than ${limit}`;
    case 'multipleOf':
      return `must be a multiple of ${limit}`;
    case 'minLength':
      return limit === '1' ? 'must not be empty' : `must have at least ${count('character')}`;
    case 'maxLength':
      return `must have at most ${count('character')}`;
    case 'minItems':
      return limit === '1' ? 'must not be empty' : `must have at least ${count('item')}`;
    case 'maxItems':
    case 'items':
      return `must have at most ${count('item')}`;
    case 'minProperties':
      return limit === '1' ? 'must not be empty' : `must have at least ${count('property')}`;
    case 'maxProperties':
      return `must have at most ${count('property')}`;
    case 'uniqueItems':
      return 'must not hold the same item twice';
    case 'contains':
      return containsText(params as { readonly minContains: number; readonly maxContains?: number });
    case 'anyOf':
      return noForm;
    case 'oneOf':
      return Array.isArray((params as { readonly passingSchemas?: unknown }).passingSchemas)
        ? 'fits more than one of the allowed forms, and must fit exactly one'
        : noForm;
    default:
      return 'is not allowed';
  }
}

function containsText(params: { readonly minContains: number; readonly maxContains?: number }): string {
  const most = params.maxContains === undefined ? '' : ` and at most ${String(params.maxContains)}`;
  return `must hold at least ${String(params.minContains)}${most} of the items that its schema asks for`;
}
