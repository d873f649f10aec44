/** Owns what is said of keys besides their schemas: saying it, which may take approvals, and the look at it. */
import {
  ConfigurationError,
  globalScope,
  mergeKeyDefinition,
  parseKey,
  parseKeyDefinition,
  scopes,
  strictest,
  type JsonObject,
  type JsonValue,
  type KeyDefinition,
  type KeyDefinitionInput,
} from '@strata/core';
import { builtInDefinitions } from '@strata/core/schema';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { begin, type Context } from './context.ts';
import { digestOf } from './digest.ts';
import { requirementAt } from './gate.ts';
import { readableKeys } from './key-visibility.ts';
import { newCommit, parseComment } from './new-commit.ts';
import { baseImpactOf } from './rules.ts';
import type { Progress } from './store/counter.ts';
import { readKeyDefinitions, storeKeyDefinition, type StoredKeyDefinition } from './store/key-definitions.ts';
import { hasVersions } from './store/versions.ts';

/** What is said of a key, as it is handed out. */
export interface KeyDefinitionRecord extends KeyDefinition {
  readonly key: string;
  readonly definedBy: string;
  readonly definedAt: Date;
  readonly comment: string | null;
  /** The revision since which it holds. */
  readonly revision: number;
}

/** Says something of a key; what is left out stays, and `null` takes it away. */
export async function defineKey(
  context: Context,
  actor: Actor,
  key: string,
  definition: KeyDefinitionInput,
  comment: string | undefined,
): Promise<KeyDefinitionRecord> {
  begin(context);
  const parsed = parseKey(key);
  const said = parseKeyDefinition(definition);
  refuseBuiltIn(parsed, said);
  await requirePermission(context, actor, 'schema', { key: parsed, ...globalScope });
  const args = { key: parsed, definition: said as JsonObject };
  const proposal = { operation: 'definition', arguments: args, comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planDefinition(progress, context, actor, args, comment),
  );
}

/** A built-in key keeps its impact, whatever is said of it. */
function refuseBuiltIn(key: string, { baseImpact }: KeyDefinitionInput): void {
  const builtIn = builtInDefinitions.get(key)?.baseImpact;
  if (builtIn === undefined || baseImpact === undefined || baseImpact === null || baseImpact === builtIn) return;
  throw new ConfigurationError('invalid_argument', {
    argument: 'baseImpact',
    problem: `${key} is built in and keeps its impact, ${builtIn}`,
  });
}

/** Decides on what is said of a key. It takes approvals where it changes the impact of a key that is in use. */
export async function planDefinition(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<KeyDefinitionRecord>> {
  const { key, definition: said } = args as unknown as {
    readonly key: string;
    readonly definition: KeyDefinitionInput;
  };
  const { db, environment } = context;
  const existing = (await readKeyDefinitions(db, environment, progress.revision)).find((one) => one.key === key);
  const before = existing?.definition ?? {};
  const definition = mergeKeyDefinition(before, said);
  if (existing !== undefined && digest(before) === digest(definition)) return { done: toRecord(existing) };
  const rules = await context.ruleBook.at(db, progress);
  const next = { ...rules, about: new Map([...rules.about, [key, definition]]) };
  const isRevalued = baseImpactOf(rules, key) !== baseImpactOf(next, key) && (await hasVersions(db, environment, key));
  const commit = newCommit(actor, 'definition', [key, digest(definition)], comment, {
    about: { key },
    metadata: { definition: definition },
  });
  return {
    gate: {
      requires: isRevalued
        ? strictest(scopes.map((scope) => requirementAt(rules, key, { scope, scopeId: '' })))
        : undefined,
      before: before as JsonObject,
      about: { key, ...globalScope },
    },
    commit,
    changes: 'rules',
    store: async (sql, { revision, at }) => {
      const stored = { key, definition, definedBy: actor.id, definedAt: at, comment: commit.comment, revision };
      await storeKeyDefinition(sql, environment, stored);
      return toRecord(stored);
    },
  };
}

const digest = (definition: KeyDefinition): string => digestOf(definition as JsonObject);

/** What is said of the keys that an actor may read at any scope, by key; of one key where it is given. */
export async function listKeyDefinitions(
  context: Context,
  actor: Actor,
  filter: { readonly key?: string },
): Promise<KeyDefinitionRecord[]> {
  begin(context);
  const key = filter.key === undefined ? undefined : parseKey(filter.key);
  const { revision } = await context.ruleBook.now(context.db);
  const stored = await readKeyDefinitions(context.db, context.environment, revision);
  const wanted = stored.filter((one) => key === undefined || one.key === key);
  const readable = await readableKeys(
    context,
    actor,
    wanted.map((one) => one.key),
  );
  return wanted.filter((one) => readable.has(one.key)).map(toRecord);
}

function toRecord({ definition, ...rest }: StoredKeyDefinition): KeyDefinitionRecord {
  return { ...definition, ...rest };
}
