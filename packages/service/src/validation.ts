/** Owns the check of values against the definition of their key: one engine and one wording for every process. */
import { type ConfigScope } from '@strata/core';
import {
  ConfigurationError,
  defaultOf,
  eachSubschema,
  formatPath,
  hasDefaults,
  isPropertywise,
  isUnset,
  isWithin,
  layerSchema,
  partOfSchema,
  sensitivePaths,
  valueAt,
  withDefaults,
  type Definition,
  type JsonObject,
  type JsonValue,
  type Path,
} from '@strata/core';
import { codeProblems } from '@strata/core/schema';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { ZodType } from 'zod';
import { namesIn, withoutNames } from './secrets/hidden-names.ts';
import { checkAgainstDraft, compileSchema, type Check } from './validation-engine.ts';
import { findingsOf } from './validation-findings.ts';
import { sentence } from './validation-messages.ts';

/** One thing that is wrong with a value. */
export interface ValidationProblem {
  readonly path: string;
  readonly message: string;
}

/** A stored layer whose effective value would not, or does not, fit the schema. */
export interface BrokenLayer {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly errors: readonly ValidationProblem[];
}

/** The checks of one key. All problems of a value come at once; an empty list means that it is valid. */
export interface Validator {
  /** Checks a layer alone: known properties, right types and bounds; any part may be missing or `{ "$unset": true }`. Where layers replace each other, the whole value. */
  layer(value: JsonValue): ValidationProblem[];
  /** Checks a whole value that has its defaults; also by the rules in code, where this process holds them. */
  effective(value: JsonValue): ValidationProblem[];
  /** Completes a value with the schema's defaults; the same object when none is missing. */
  withDefaults(value: JsonValue): JsonValue;
  /** Whether layers that are valid alone always merge to a valid value, so that a change can break nothing below it. */
  readonly propertywise: boolean;
  /** Whether this process can check all of the definition's rules. */
  readonly enforcedHere: boolean;
  /**
   * Compiles now what is else compiled at its first use, and checks the schema itself: its keywords and its defaults. For a schema that
   * is about to be registered.
   * @throws ConfigurationError `invalid_schema`.
   */
  check(): void;
}

/**
 * Makes the validator of a key. It compiles at first use and once, so this costs nothing; a schema that cannot be compiled throws
 * `invalid_schema` then, or at `check()`.
 * @param zod the Zod schema behind the definition, where this process holds it.
 */
export function compileValidator(key: string, definition: Definition, zod?: ZodType): Validator {
  return definition.jsonSchema === undefined
    ? anything
    : new SchemaValidator(key, definition, definition.jsonSchema, zod);
}

/** The refusal of a value with problems: all of them in its message, and in its details as `errors`. */
export function validationError(problems: readonly ValidationProblem[]): ConfigurationError<'validation_failed'> {
  return new ConfigurationError('validation_failed', {
    problems: problems.map(({ message }) => message).join(', '),
    errors: problems,
  });
}

const anything: Validator = {
  layer: () => [],
  effective: () => [],
  withDefaults: (value) => value,
  propertywise: true,
  enforcedHere: true,
  check: () => undefined,
};

/** One thing that is wrong, before it is put into words as a whole. */
interface Problem {
  readonly path: Path;
  readonly text: string;
}

/** More problems than people read; a list of a thousand wrong items has as many. */
const mostProblems = 100;

class SchemaValidator implements Validator {
  readonly enforcedHere: boolean;
  readonly #key: string;
  readonly #definition: Definition;
  readonly #schema: JsonObject;
  readonly #zod: ZodType | undefined;
  readonly #layer: () => Structure;
  readonly #whole: () => Structure;
  readonly #propertywise: () => boolean;
  readonly #hasDefaults: () => boolean;
  readonly #names: () => ReadonlySet<string>;

  constructor(key: string, definition: Definition, schema: JsonObject, zod: ZodType | undefined) {
    this.#key = key;
    this.#definition = definition;
    this.#schema = schema;
    this.#zod = definition.code === true ? zod : undefined;
    this.enforcedHere = definition.code !== true || zod !== undefined;
    this.#layer = once(() => this.#structure(layerSchema(schema)));
    this.#whole = once(() => this.#structure(schema));
    this.#hasDefaults = once(() => hasDefaults(schema));
    this.#names = once(() => namesIn(schema));
    // What replaces all that is above it was checked as a whole.
    this.#propertywise = once(() => definition.code !== true && (this.#isReplaced || isPropertywise(schema)));
  }

  get propertywise(): boolean {
    return this.#propertywise();
  }

  layer(value: JsonValue): ValidationProblem[] {
    if (!this.#isReplaced) return inWords(this.#structureProblems(this.#layer(), value));
    return isUnset(value) ? [] : inWords(this.#structureProblems(this.#whole(), this.withDefaults(value)));
  }

  effective(value: JsonValue): ValidationProblem[] {
    const structural = this.#structureProblems(this.#whole(), value);
    return inWords([...structural, ...this.#codeProblems(value, structural)]);
  }

  withDefaults(value: JsonValue): JsonValue {
    return this.#hasDefaults() ? withDefaults(this.#schema, value) : value;
  }

  /** Whether layers replace each other whole, so that each is a whole value. */
  get #isReplaced(): boolean {
    return this.#definition.merge === 'replace';
  }

  check(): void {
    const [wrong] = findingsOf(checkAgainstDraft(this.#key, this.#schema), {}, this.#schema, () => false);
    if (wrong !== undefined) this.#refuse(sentence(wrong.path, wrong.text));
    this.#layer();
    this.#whole();
    eachSubschema(this.#schema, (node, path) => {
      const given = defaultOf(this.#schema, [node]);
      if (given !== undefined) this.#checkDefault(given, path);
    });
  }

  #checkDefault(value: JsonValue, path: Path): void {
    const part = partOfSchema(this.#schema, path);
    const completed = withDefaults(part, value);
    if (withDefaults(part, completed) !== completed) {
      this.#refuse(`the default at ${formatPath(path)} adds itself again, without end`);
    }
    const [wrong] = this.#structureProblems(this.#structure(part), completed);
    if (wrong === undefined) return;
    this.#refuse(`the default at ${formatPath(path)} is not valid: ${sentence(wrong.path, wrong.text)}`);
  }

  #refuse(problem: string): never {
    throw new ConfigurationError('invalid_schema', { key: this.#key, problem });
  }

  #structure(schema: JsonObject): Structure {
    return { schema, check: compileSchema(this.#key, schema) };
  }

  #structureProblems({ schema, check }: Structure, value: JsonValue): Problem[] {
    const errors: readonly ErrorObject[] = check(value);
    if (errors.length === 0) return [];
    const secrets = this.#secretPaths(value);
    const isSecret = (path: Path): boolean => secrets.some((secret) => isWithin(path, secret));
    const findings = findingsOf(errors, schema, value, isSecret);
    return findings.map((one) => (isSecret(one.path) ? withoutNames(one, this.#names()) : one));
  }

  /** What the rules in code find besides: Zod repeats what JSON Schema has said, in other words. */
  #codeProblems(value: JsonValue, structural: readonly Problem[]): Problem[] {
    if (this.#zod === undefined) return [];
    const found = codeProblems(this.#key, this.#zod, value).filter(
      ({ custom, path }) => custom || !structural.some((other) => overlaps(path, other.path)),
    );
    const secrets = found.length === 0 ? [] : this.#secretPaths(value);
    return found.map(({ path, message }) => {
      const isInside = secrets.some((secret) => isWithin(path, secret));
      const isQuoted = isInside || secrets.some((secret) => quotes(message, valueAt(value, secret)));
      const problem = { path, text: isQuoted ? 'breaks a rule of its schema' : message };
      return isInside ? withoutNames(problem, this.#names()) : problem;
    });
  }

  #secretPaths(value: JsonValue): readonly Path[] {
    return this.#definition.sensitive === true ? [[]] : sensitivePaths(this.#schema, value);
  }
}

/** A schema with its compiled form. */
interface Structure {
  readonly schema: JsonObject;
  readonly check: Check;
}

function overlaps(a: Path, b: Path): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/** Whether a message of an author's rule holds a secret, or one of the parts of it. */
function quotes(message: string, secret: JsonValue | undefined): boolean {
  if (typeof secret === 'object' && secret !== null) return Object.values(secret).some((part) => quotes(message, part));
  const text = typeof secret === 'boolean' || secret === null ? '' : String(secret ?? '');
  return text !== '' && message.includes(text);
}

function inWords(problems: readonly Problem[]): ValidationProblem[] {
  const words = problems
    .slice(0, mostProblems)
    .map(({ path, text }) => ({ path: formatPath(path), message: sentence(path, text) }));
  const more = problems.length - words.length;
  return more === 0 ? words : [...words, { path: '$', message: `and ${String(more)} more problems` }];
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
