/** Owns the registration of schemas and the look at definitions. */
import { type Actor } from './actor.ts';
import {
  checkJsonSchema,
  collectionOf,
  ConfigurationError,
  globalScope,
  impactLevels,
  isCollection,
  lowersSecrecy,
  parseJsonValue,
  parseKey,
  scopes,
  spreadEntries,
  strictest,
  type Definition,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import { builtInDefinitions, describeZod } from '@strata/core/schema';
import type { ZodType } from 'zod';
import { describeLayers, findBroken } from './below.ts';
import type { BrokenLayer } from './validation.ts';
import { begin, type Context } from './context.ts';
import { lockedError } from './decide.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { requirementAt, requirementOfRules } from './gate.ts';
import { digestOf } from './digest.ts';
import { layersBreaking } from './locks.ts';
import type { Rule, Rules } from './rules.ts';
import { tellingNoNames } from './secrets/refused-secrets.ts';
import { storeSchema } from './store/schemas.ts';
import { compileValidator, type ValidationProblem } from './validation.ts';
import { newCommit, parseComment } from './new-commit.ts';
import type { Progress } from './store/counter.ts';
import { hasVersions } from './store/versions.ts';
import { requirePermission } from './access.ts';

/** The answer of `validateConfig`. */
export interface ValidationResult {
  readonly valid: boolean;
  readonly errors: readonly ValidationProblem[];
}

/** What `registerSchema` takes besides the schema. */
export type SchemaOptions = Omit<Definition, 'jsonSchema' | 'code'> & {
  /** What happens when stored values do not fit: `report` (default) registers and lists them, `refuse` throws `schema_breaks_values`. */
  readonly onInvalid?: 'report' | 'refuse';
  readonly actor?: string;
  readonly comment?: string;
};

/** What `getSchema` and `registerSchema` answer. */
export interface RegisteredSchema extends Definition {
  readonly key: string;
  /** The Zod schema, where this process registered one. */
  readonly zod?: ZodType;
  /** Whether this process can check all of the schema's rules. */
  readonly enforcedHere: boolean;
  /** The revision of its registration; 0 for a built-in definition. */
  readonly revision: number;
}

/** The answer of `registerSchema`. */
export interface SchemaRegistration extends RegisteredSchema {
  /** The stored layers that the schema does not fit. */
  readonly invalid: readonly BrokenLayer[];
}

/** Gives a key a definition. */
export async function registerSchema(
  context: Context,
  actor: Actor,
  key: string,
  schema: ZodType | JsonObject,
  options: SchemaOptions,
): Promise<SchemaRegistration> {
  begin(context);
  const parsed = parseKey(key);
  if (isCollection(parsed) || collectionOf(parsed) !== undefined) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'key',
      problem: `${parsed} is checked as flags and segments are, and takes no other schema`,
    });
  }
  const sensitive = options.sensitive ?? (await isSecretNow(context, parsed));
  const { definition, zod } = describe(parsed, schema, {
    ...options,
    ...(sensitive === undefined ? {} : { sensitive }),
  });
  const digest = digestOf(definition as unknown as JsonValue);
  const validator = compileValidator(parsed, definition, zod);
  validator.check();
  if (zod !== undefined) context.ruleBook.holdZod(parsed, digest, zod);
  await requirePermission(context, actor, 'schema', { key: parsed, ...globalScope });
  const { onInvalid = 'report', comment } = options;
  const args = { key: parsed, definition: definition as unknown as JsonObject, onInvalid };
  const proposal = { operation: 'schema', arguments: args, comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planSchema(progress, context, actor, args, comment, zod),
  );
}

/** A key that was said to hold secrets goes on holding them until somebody says that it does not. */
async function isSecretNow(context: Context, key: string): Promise<true | undefined> {
  const { byKey } = await context.ruleBook.now(context.db);
  return byKey.get(key)?.definition.sensitive === true ? true : undefined;
}

/**
 * Decides on a schema.
 * @param zod the Zod schema behind the definition, where this process has it.
 */
export async function planSchema(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
  zod?: ZodType,
): Promise<GatedPlan<SchemaRegistration>> {
  const { key, definition, onInvalid } = args as unknown as {
    readonly key: string;
    readonly definition: Definition;
    readonly onInvalid: 'report' | 'refuse';
  };
  const digest = digestOf(definition as unknown as JsonValue);
  const rules = await context.ruleBook.at(context.db, progress);
  const current = rules.byKey.get(key);
  if (current?.digest === digest) return { done: { ...toRegistered(current), invalid: [] } };
  const rule = context.ruleBook.compile(key, definition, digest, zod);
  const next: Rules = { ...rules, byKey: new Map([...rules.byKey, [key, rule]]) };
  if (definition.merge !== current?.definition.merge) await refuseBreakingLocks(context, next, key);
  const invalid = await findInvalid(context, next, key, onInvalid);
  const isInUse = await hasVersions(context.db, context.environment, key);
  return {
    gate: {
      // It is for every scope, so that the strictest of them counts.
      requires: !isInUse
        ? undefined
        : lowersSecrecy(current?.definition, definition)
          ? // What it shows to everyone who may read is not taken back.
            requirementOfRules(rules)
          : strictest(scopes.map((scope) => requirementAt(rules, key, { scope, scopeId: '' }))),
      before: (current?.definition ?? null) as unknown as JsonValue,
      about: { key, ...globalScope },
    },
    commit: newCommit(actor, 'schema', [key, digest], comment, { about: { key }, metadata: { digest } }),
    changes: 'rules',
    quietKeys: onInvalid === 'refuse' || rules.locks.has(key) || !isInUse ? [key] : [],
    store: async (sql, { revision }) => {
      await storeSchema(sql, context.environment, { key, definition, digest, revision, createdBy: actor.id });
      return { ...toRegistered({ ...rule, revision }), invalid };
    },
    applied: (revision) => context.cache?.definitionChanged(key, revision),
  };
}

/** Where layers begin to replace each other, one that spoke of other parts only would now override what is locked. */
async function refuseBreakingLocks(context: Context, rules: Rules, key: string): Promise<void> {
  for (const lock of rules.locks.get(key) ?? []) {
    const [layer] = await layersBreaking(context, rules, lock);
    if (layer !== undefined) throw lockedError(lock, layer);
  }
}

async function findInvalid(
  context: Context,
  rules: Rules,
  key: string,
  onInvalid: 'report' | 'refuse',
): Promise<BrokenLayer[]> {
  const invalid = await findBroken(context, key, rules);
  if (invalid.length > 0 && onInvalid === 'refuse') {
    throw new ConfigurationError('schema_breaks_values', { key, layers: describeLayers(invalid), invalid });
  }
  return invalid;
}

function describe(
  key: string,
  schema: ZodType | JsonObject,
  options: SchemaOptions,
): { readonly definition: Definition; readonly zod: ZodType | undefined } {
  const given = parseOptions(key, options);
  const zod = isZod(schema) ? schema : undefined;
  const described =
    zod === undefined ? { jsonSchema: checkJsonSchema(key, schema), code: false } : describeZod(key, zod);
  // A built-in key keeps its impact, its scopes and its secrecy whatever schema it gets, and whatever is said of it.
  const { jsonSchema: _replaced, description, ...kept } = builtInDefinitions.get(key) ?? {};
  const definition: Definition = {
    ...(description === undefined ? {} : { description }),
    ...given,
    ...kept,
    jsonSchema: described.jsonSchema,
  };
  return { definition: described.code ? { ...definition, code: true } : definition, zod };
}

// A schema of Zod 3 or of another copy of Zod is no instance of ours, so it is known by its shape; the core says what is wrong with it.
function isZod(schema: ZodType | JsonObject): schema is ZodType {
  if (typeof schema !== 'object' || (schema as unknown) === null) return false;
  return '_zod' in schema || '_def' in schema || 'safeParse' in schema;
}

function parseOptions(key: string, options: SchemaOptions): Omit<Definition, 'jsonSchema' | 'code'> {
  const { description, withoutCode, merge, allowedScopes, baseImpact, sensitive } = options;
  const oneOf = <T>(argument: string, value: T | undefined, allowed: readonly T[]): void => {
    if (value === undefined || allowed.includes(value)) return;
    throw new ConfigurationError('invalid_argument', {
      argument,
      problem: `${JSON.stringify(value)} is none of ${allowed.join(', ')}`,
    });
  };
  oneOf('withoutCode', withoutCode, ['refuse', 'accept']);
  oneOf('merge', merge, ['deep', 'replace']);
  oneOf('baseImpact', baseImpact, impactLevels);
  oneOf('onInvalid', options.onInvalid, ['report', 'refuse']);
  oneOf('sensitive', sensitive, [true, false]);
  for (const scope of allowedScopes ?? []) oneOf('allowedScopes', scope, scopes);
  if (sensitive === false && builtInDefinitions.get(key)?.sensitive === true) {
    throw new ConfigurationError('invalid_argument', { argument: 'sensitive', problem: `${key} always holds secrets` });
  }
  const given = { description, withoutCode, merge, allowedScopes, baseImpact, sensitive };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function toRegistered(rule: Rule): RegisteredSchema {
  return {
    key: rule.key,
    ...rule.definition,
    ...(rule.zod === undefined ? {} : { zod: rule.zod }),
    enforcedHere: rule.validator.enforcedHere,
    revision: rule.revision,
  };
}

/** The definition of a key; null when it has none. */
export async function getSchema(context: Context, key: string): Promise<RegisteredSchema | null> {
  begin(context);
  const rule = (await context.ruleBook.now(context.db)).byKey.get(parseKey(key));
  return rule === undefined ? null : toRegistered(rule);
}

/** The definitions of all keys, by key. */
export async function listSchemas(context: Context): Promise<RegisteredSchema[]> {
  begin(context);
  const { byKey } = await context.ruleBook.now(context.db);
  return [...byKey.values()].map(toRegistered).sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Checks a whole value against the schema of a key. A key without a schema takes any JSON value. */
export async function validateConfig(context: Context, key: string, value: unknown): Promise<ValidationResult> {
  begin(context);
  const parsed = parseKey(key);
  const { byKey } = await context.ruleBook.now(context.db);
  const entries = isCollection(parsed) ? spreadEntries(parsed, value) : [[parsed, value] as const];
  const errors: ValidationProblem[] = [];
  for (const [one, part] of entries) {
    const validator = byKey.get(one)?.validator;
    const whole = await tellingNoNames(context, one, () => parseJsonValue(part));
    if (validator !== undefined) errors.push(...validator.effective(validator.withDefaults(whole)));
  }
  return { valid: errors.length === 0, errors };
}
