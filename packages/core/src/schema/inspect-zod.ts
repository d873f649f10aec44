/** Owns what a Zod schema may consist of: what is refused, and what makes it code. */
import type { z } from 'zod';
import { canonicalJson } from '../canonical.ts';
import { isConfigurationError } from '../errors.ts';
import { parseJsonValue } from '../json.ts';
import { formatPath } from '../path.ts';
import { checksOf, type CheckDef } from './json-node.ts';
import { isLinearPattern } from './linear-pattern.ts';
import { isCodeRule, type StringFormatDef } from './string-rules.ts';

/** What an inspection found. */
export interface Inspection {
  /** Whether some rule exists only as code. */
  readonly code: boolean;
}

/** Ends the inspection with the reason. */
export type Refuse = (problem: string) => never;

/**
 * Walks a Zod schema, and each of its parts once.
 * @param refuse is called with the path and the reason at the first part that changes values or takes what is not JSON.
 */
export function inspectZod(schema: z.core.$ZodType, refuse: Refuse): Inspection {
  const walk = new Walk(refuse);
  walk.visit(schema, '');
  return { code: walk.code };
}

const storeAsIs = 'store the value as it is, and change it where it is read';

/** Why a kind of schema is refused. */
const refusedTypes: Readonly<Record<string, string>> = {
  transform: `a transform changes the value; ${storeAsIs}`,
  pipe: `a pipe, codec or preprocess changes the value; ${storeAsIs}`,
  catch: '.catch() hides a wrong value; leave it out',
  success: 'z.success() changes the value; leave it out',
  promise: 'a promise is not JSON',
  date: 'a Date is not JSON; use z.iso.datetime() or z.iso.date()',
  bigint: 'a bigint is not JSON; use z.int() or a text',
  map: 'a Map is not JSON; use z.record()',
  set: 'a Set is not JSON; use z.array()',
  file: 'a file is not JSON; store its URL',
  function: 'a function is not JSON',
  symbol: 'a symbol is not JSON',
  nan: 'NaN is not JSON; use z.null()',
  undefined: 'undefined is not JSON; use .optional()',
  void: 'undefined is not JSON; use .optional()',
};

/** The checks that JSON Schema says with a keyword of its own. */
const structuralChecks = new Set([
  ...['greater_than', 'less_than', 'multiple_of', 'number_format'],
  ...['min_length', 'max_length', 'length_equals'],
]);

type Def = z.core.$ZodTypes['_zod']['def'];

class Walk {
  code = false;
  readonly #refuse: Refuse;
  readonly #seen = new Set<z.core.$ZodType>();

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  visit(schema: z.core.$ZodType, path: string): void {
    if (this.#seen.has(schema)) return;
    this.#seen.add(schema);
    const def = (schema as z.core.$ZodTypes)._zod.def;
    const reason = refusedTypes[def.type];
    if (reason !== undefined) this.#refuseAt(path, reason);
    if ('coerce' in def && def.coerce) this.#refuseAt(path, `coercion changes the value; ${storeAsIs}`);
    for (const check of checksOf(schema)) this.#check(check, path);
    this.#own(schema, def, path);
    for (const [child, childPath] of childrenOf(def, path)) this.visit(child, childPath);
  }

  #check(check: CheckDef, path: string): void {
    if (check.check === 'overwrite') {
      this.#refuseAt(path, `.trim(), .toLowerCase() and the like change the value; ${storeAsIs}`);
    }
    if (check.check === 'string_format') {
      const format = check as StringFormatDef;
      if (format.normalize === true) this.#refuseAt(path, `normalizing a URL changes the value; ${storeAsIs}`);
      this.code ||= isCodeRule(format);
    } else {
      this.code ||= !structuralChecks.has(check.check);
    }
  }

  #own(schema: z.core.$ZodType, def: Def, path: string): void {
    if (def.type === 'custom') this.code = true;
    else if (def.type === 'literal') {
      for (const value of def.values) if (!isJsonScalar(value)) this.#refuseAt(path, `${String(value)} is not JSON`);
    } else if (def.type === 'template_literal') {
      this.code ||= !isLinearPattern((schema as z.core.$ZodTemplateLiteral)._zod.pattern);
    } else if (def.type === 'record') {
      if (def.mode === 'loose') this.#loose(def, path);
    } else if (def.type === 'default' || def.type === 'prefault') {
      this.#default(def, path);
    }
  }

  /** Zod writes a loose record only by the pattern of its keys. */
  #loose(def: z.core.$ZodRecordDef, path: string): void {
    const patterns = checksOf(def.keyType).map((check) => (check as Partial<StringFormatDef>).pattern);
    if (!patterns.some((pattern) => pattern !== undefined && isLinearPattern(pattern))) {
      this.#refuseAt(path, 'a loose record needs keys with a regex without lookaround; use z.record()');
    }
  }

  #default(def: { readonly defaultValue: unknown }, path: string): void {
    try {
      if (canonicalJson(parseJsonValue(def.defaultValue)) === canonicalJson(parseJsonValue(def.defaultValue))) return;
    } catch (error) {
      if (!isConfigurationError(error)) throw error;
      this.#refuseAt(path, `its default is not JSON. ${error.message.replace(/\.$/, '')}`);
    }
    this.#refuseAt(path, 'its default is another one each time; give a constant');
  }

  #refuseAt(path: string, reason: string): never {
    return this.#refuse(`at ${path === '' ? '$' : path}: ${reason}`);
  }
}

function isJsonScalar(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

type Child = readonly [schema: z.core.$ZodType, path: string];

function childrenOf(def: Def, path: string): readonly Child[] {
  switch (def.type) {
    case 'object': {
      const properties = Object.entries(def.shape).map(([name, child]): Child => [child, join(path, name)]);
      return def.catchall === undefined ? properties : [...properties, [def.catchall, `${path}.*`]];
    }
    case 'record':
      return [
        [def.keyType, `${path}.* (its name)`],
        [def.valueType, `${path}.*`],
      ];
    case 'array':
      return [[def.element, `${path}[]`]];
    case 'tuple': {
      const items = def.items.map((item, index): Child => [item, `${path}[${String(index)}]`]);
      return def.rest === null ? items : [...items, [def.rest, `${path}[]`]];
    }
    case 'union':
      return def.options.map((option) => [option, path]);
    case 'intersection':
      return [
        [def.left, path],
        [def.right, path],
      ];
    case 'lazy':
      return [[def.getter(), path]];
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
      return [[def.innerType, path]];
    default:
      return [];
  }
}

function join(path: string, name: string): string {
  return path === '' ? formatPath([name]) : formatPath(['x', name]).replace('x', path);
}
