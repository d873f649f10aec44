/** Owns the JSON Schema engine: which formats it checks, and that neither patterns nor repeated items can stall it. */
import {
  canonicalJson,
  ConfigurationError,
  knownFormats,
  sameJson,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import {
  Ajv2020,
  type CodeOptions,
  type ErrorObject,
  type KeywordDefinition,
  type ValidateFunction,
} from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { RE2JS } from 're2js';

/** A compiled schema: the engine's errors for a value, none when it is valid. */
export type Check = (value: JsonValue) => readonly ErrorObject[];

/**
 * Compiles a schema that `checkJsonSchema` has passed, or a form of it.
 * @throws ConfigurationError `invalid_schema`, for example for a pattern with lookahead.
 */
export function compileSchema(key: string, schema: JsonObject): Check {
  const compiled = attempt(key, () => {
    const validate: ValidateFunction = engine().compile(schema);
    // The engine keeps every schema that it ever saw.
    engine().removeSchema(schema);
    return validate;
  });
  return (value) => (compiled(value) ? [] : [...(compiled.errors ?? [])]);
}

/** The engine's errors for a schema under the meta-schema of the draft: keywords that hold what they cannot hold. */
export function checkAgainstDraft(key: string, schema: JsonObject): readonly ErrorObject[] {
  return attempt(key, () => (engine().validateSchema(schema) === true ? [] : [...(engine().errors ?? [])]));
}

function attempt<T>(key: string, compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError('invalid_schema', { key, problem }, { cause });
  }
}

let shared: Ajv2020 | undefined;

/** One engine for all schemas: the meta-schema is dear to compile. */
function engine(): Ajv2020 {
  if (shared !== undefined) return shared;
  shared = new Ajv2020({
    allErrors: true,
    verbose: true,
    messages: false,
    // Unknown keywords were refused before, and unknown formats are annotations.
    strict: false,
    logger: false,
    validateSchema: false,
    // Else a property called `toString` would always be there.
    ownProperties: true,
    // 0.3 is a multiple of 0.1, though not in binary.
    multipleOfPrecision: 9,
    code: { regExp: linearRegExp },
  });
  // Keeping track of evaluated properties fails beside patternProperties; the keywords that need it are refused at registration.
  shared.opts.unevaluated = false;
  for (const name of knownFormats) shared.addFormat(name, formats.default.get(name as 'date'));
  for (const definition of ownKeywords) shared.removeKeyword(definition.keyword).addKeyword(definition);
  return shared;
}

/** Keywords for which the engine compares values in a way that fails for properties called `toString` or `valueOf`. */
const ownKeywords = [
  { keyword: 'const', compile: (constant: JsonValue) => (value: JsonValue) => sameJson(value, constant) },
  {
    keyword: 'enum',
    schemaType: 'array',
    compile: (constants: readonly JsonValue[]) => (value: JsonValue) =>
      constants.some((constant) => sameJson(value, constant)),
  },
  { keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: areUnique },
] satisfies (KeywordDefinition & { readonly keyword: string })[];

/** In time linear in the items: the engine's own compares each with each. */
function areUnique(unique: boolean, items: readonly JsonValue[]): boolean {
  return !unique || new Set(items.map(canonicalJson)).size === items.length;
}

const linearRegExp: NonNullable<CodeOptions['regExp']> = Object.assign(
  (pattern: string): { test: (text: string) => boolean; toString: () => string } => {
    // The engine takes two patterns for the same one when they print the same.
    return { test: linearPattern(pattern), toString: () => `linear:${pattern}` };
  },
  { code: 'linearRegExp' },
);

/** Compiles a pattern of ECMAScript to a test whether it occurs in a text, in time linear in that. @throws what the engine says of the pattern. */
export function linearPattern(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(withWideSpaces(pattern)));
  return (text) => compiled.test(text);
}

/** What `\s` means in ECMAScript, and so in JSON Schema; RE2 knows only the ASCII part of it. */
const spaces = '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';

function withWideSpaces(pattern: string): string {
  let insideClass = false;
  return pattern.replaceAll(/\\[^]|[[\]]/g, (token) => {
    if (token === '[') insideClass = true;
    if (token === ']') insideClass = false;
    if (token === '\\s') return insideClass ? spaces : `[${spaces}]`;
    return token === '\\S' && !insideClass ? `[^${spaces}]` : token;
  });
}
