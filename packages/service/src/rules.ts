/** Owns what this process knows of definitions, locks and policies: one consistent state of all of them, reloaded when it has changed. */
import {
  collectionOf,
  defaultBaseImpact,
  defaultPolicy,
  entryName,
  mayNeedApproval,
  type ApprovalPolicy,
  type Definition,
  type ImpactLevel,
  type JsonValue,
  type KeyDefinition,
  type Lock,
} from '@strata/core';
import { builtInDefinitions } from '@strata/core/schema';
import type { ZodType } from 'zod';
import type { Sql } from './db/database.ts';
import { entryDefinitions, entryValidator } from './entry-validation.ts';
import { readProgress, type Progress } from './store/counter.ts';
import { readKeyDefinitions } from './store/key-definitions.ts';
import { readLocks } from './store/locks.ts';
import { readPolicies } from './store/policies.ts';
import { readSchemas } from './store/schemas.ts';
import { compileValidator, type Validator } from './validation.ts';

/** The definition of one key, ready to check with. */
export interface Rule {
  readonly key: string;
  readonly definition: Definition;
  readonly validator: Validator;
  /** The Zod schema, where this process registered the very one that is in force. */
  readonly zod: ZodType | undefined;
  readonly digest: string | null;
  /** The revision of its registration; 0 for a built-in one. */
  readonly revision: number;
  /** Whether any part of a value is a secret. */
  readonly sensitive: boolean;
}

/** All definitions, locks and policies at one revision. */
export interface Rules {
  readonly revision: number;
  readonly byKey: ReadonlyMap<string, Rule>;
  /** What is said of keys besides their schemas. */
  readonly about: ReadonlyMap<string, KeyDefinition>;
  readonly locks: ReadonlyMap<string, readonly Lock[]>;
  /** Those in force, the default one among them unless another of its name was set. */
  readonly policies: readonly ApprovalPolicy[];
  /** Whether a change of a key may need approvals, at whichever scope. */
  readonly isProtected: (key: string) => boolean;
}

/** Rules by key. Entries of collections have one without being in it. */
class RulesByKey extends Map<string, Rule> {
  override get(key: string): Rule | undefined {
    return super.get(key) ?? ruleOfEntry(key);
  }
}

/** How many rules of entries are remembered. */
const maxEntryRules = 10_000;
const entryRules = new Map<string, Rule>();

function ruleOfEntry(key: string): Rule | undefined {
  const known = entryRules.get(key);
  if (known !== undefined) return known;
  const collection = collectionOf(key);
  if (collection === undefined) return undefined;
  const rule: Rule = {
    key,
    definition: entryDefinitions[collection],
    validator: entryValidator(collection, entryName(key)),
    zod: undefined,
    digest: null,
    revision: 0,
    sensitive: false,
  };
  if (entryRules.size >= maxEntryRules) entryRules.clear();
  entryRules.set(key, rule);
  return rule;
}

/** The base impact that is said of a key, by itself or with its schema; undefined where none is. */
export function saidImpactOf({ about, byKey }: Pick<Rules, 'about' | 'byKey'>, key: string): ImpactLevel | undefined {
  return about.get(key)?.baseImpact ?? byKey.get(key)?.definition.baseImpact;
}

/** The base impact of a key. */
export function baseImpactOf(rules: Pick<Rules, 'about' | 'byKey'>, key: string): ImpactLevel {
  return saidImpactOf(rules, key) ?? defaultBaseImpact;
}

/** How many keys of which no definition is known are remembered as protected or not. */
const maxProtected = 10_000;

/** Remembers the answers, which take a match of each policy's patterns. */
function protection(policies: readonly ApprovalPolicy[], rules: Pick<Rules, 'about' | 'byKey'>): Rules['isProtected'] {
  const known = new Map<string, boolean>();
  return (key) => {
    let answer = known.get(key);
    if (answer === undefined) {
      answer = mayNeedApproval(policies, key, baseImpactOf(rules, key));
      if (known.size >= maxProtected) known.clear();
      known.set(key, answer);
    }
    return answer;
  };
}

/** Loads rules and keeps the last ones. */
export class RuleBook {
  readonly #environment: string;
  /** By key and digest: an earlier schema may be in force again. */
  readonly #zod = new Map<string, ZodType>();
  readonly #validators = new Map<string, Rule>();
  #current: Rules | undefined;
  /** How many Zod schemas were handed in: rules that were loaded before the last one do not know it. */
  #held = 0;

  constructor(environment: string) {
    this.#environment = environment;
  }

  /** Remembers the Zod schema behind a definition that this process registered. */
  holdZod(key: string, digest: string, schema: ZodType): void {
    this.#zod.set(zodName(key, digest), schema);
    this.#validators.delete(key);
    this.#current = undefined;
    this.#held += 1;
  }

  /** Forgets all that was loaded: the store is another one than before. */
  reset(): void {
    this.#validators.clear();
    this.#current = undefined;
    this.#held += 1;
  }

  /** The last ones that were loaded; undefined before, and once it is known that they have changed. */
  get latest(): Rules | undefined {
    return this.#current;
  }

  /** The rules of the revision that `progress` names, or newer ones when they have changed since. */
  async at(sql: Sql, progress: Pick<Progress, 'rulesRevision'>): Promise<Rules> {
    if (this.#current?.revision === progress.rulesRevision) return this.#current;
    for (;;) {
      const held = this.#held;
      const before = await readProgress(sql);
      const rules = await this.load(sql, before.rulesRevision);
      const after = await readProgress(sql);
      if (after.rulesRevision === before.rulesRevision && held === this.#held) return (this.#current = rules);
    }
  }

  /** The rules as they are now. */
  async now(sql: Sql): Promise<Rules> {
    return this.at(sql, await readProgress(sql));
  }

  /** The rules as they were at a revision, or as they still are. */
  async asOf(sql: Sql, revision: number): Promise<Rules> {
    const progress = await readProgress(sql);
    if (progress.rulesRevision <= revision) {
      const rules = await this.at(sql, progress);
      if (rules.revision <= revision) return rules;
    }
    return this.load(sql, revision);
  }

  /** The rules as they were at a revision. */
  async load(sql: Sql, revision: number): Promise<Rules> {
    const byKey = new RulesByKey();
    for (const [key, definition] of builtInDefinitions) byKey.set(key, this.#rule(key, definition, null, 0));
    for (const schema of await readSchemas(sql, this.#environment, revision)) {
      byKey.set(schema.key, this.#rule(schema.key, schema.definition, schema.digest, schema.revision));
    }
    const locks = new Map<string, Lock[]>();
    for (const lock of await readLocks(sql, this.#environment, revision)) {
      const ofKey = locks.get(lock.key);
      if (ofKey === undefined) locks.set(lock.key, [lock]);
      else ofKey.push(lock);
    }
    const stored = (await readPolicies(sql, this.#environment, revision)).map(({ policy }) => policy);
    const policies = stored.some(({ name }) => name === defaultPolicy.name) ? stored : [defaultPolicy, ...stored];
    const said = await readKeyDefinitions(sql, this.#environment, revision);
    const about = new Map(said.map(({ key, definition }) => [key, definition]));
    return { revision, byKey, about, locks, policies, isProtected: protection(policies, { about, byKey }) };
  }

  /** A rule as it would be with a definition that is not registered; `zod` where this process was handed it. */
  compile(key: string, definition: Definition, digest: string, zod?: ZodType): Rule {
    const schema = zod ?? this.#zod.get(zodName(key, digest));
    return makeRule(key, definition, digest, 0, schema);
  }

  // Compiling a schema is dear, so a rule whose definition is unchanged is kept.
  #rule(key: string, definition: Definition, digest: string | null, revision: number): Rule {
    const held = this.#validators.get(key);
    if (held?.digest === digest && held.revision === revision) return held;
    const zod = digest === null ? undefined : this.#zod.get(zodName(key, digest));
    const rule = makeRule(key, definition, digest, revision, zod);
    this.#validators.set(key, rule);
    return rule;
  }
}

function makeRule(
  key: string,
  definition: Definition,
  digest: string | null,
  revision: number,
  zod: ZodType | undefined,
): Rule {
  return {
    key,
    definition,
    validator: compileValidator(key, definition, zod),
    zod,
    digest,
    revision,
    sensitive: definition.sensitive === true || hasSensitivePart(definition.jsonSchema),
  };
}

// Keys hold no spaces.
const zodName = (key: string, digest: string): string => `${key} ${digest}`;

/** Whether a JSON Schema marks any part of a value as a secret. */
function hasSensitivePart(schema: JsonValue | undefined): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  if (Array.isArray(schema)) return schema.some(hasSensitivePart);
  return Object.entries(schema).some(
    ([name, part]) => (name === 'x-sensitive' && part === true) || hasSensitivePart(part),
  );
}
