/** Owns approval policies: setting them, which they guard themselves, and listing them. */
import {
  ConfigurationError,
  defaultPolicy,
  globalScope,
  parsePolicy,
  parsePolicyName,
  type ApprovalPolicy,
  type JsonValue,
  type Requirement,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { begin, type Context } from './context.ts';
import { digestOf } from './digest.ts';
import { requirementOfRules } from './gate.ts';
import { newCommit, parseComment } from './new-commit.ts';
import { hasOpenRequest, readLayeredKeys } from './store/change-requests.ts';
import type { Progress } from './store/counter.ts';
import { endPolicy, readPolicies, storePolicy, type StoredPolicy } from './store/policies.ts';

/** A policy in force, as it is handed out. */
export interface PolicyRecord extends ApprovalPolicy {
  /** Absent for the default policy as it is built in. */
  readonly setBy?: string;
  readonly setAt?: Date;
  readonly comment?: string | null;
  /** The revision since which it holds; 0 for the built-in one. */
  readonly revision: number;
}

/** Sets a policy, in the place of the one of its name. */
export async function setPolicy(
  context: Context,
  actor: Actor,
  policy: ApprovalPolicy,
  comment: string | undefined,
): Promise<PolicyRecord> {
  begin(context);
  const parsed = parsePolicy(policy);
  await requirePermission(context, actor, 'policy', globalScope);
  const args = { policy: parsed as unknown as JsonValue };
  const proposal = { operation: 'policy', arguments: args, comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planPolicy(progress, context, actor, args, comment),
  ) as Promise<PolicyRecord>;
}

/** Takes a policy away; without one of its own the name `default` stands for the built-in one again. */
export async function removePolicy(
  context: Context,
  actor: Actor,
  name: string,
  comment: string | undefined,
): Promise<void> {
  begin(context);
  const args = { remove: parsePolicyName(name) };
  await requirePermission(context, actor, 'policy', globalScope);
  const proposal = { operation: 'policy', arguments: args, comment: parseComment(comment) } as const;
  await decideGated(context, actor, proposal, (progress, context) =>
    planPolicy(progress, context, actor, args, comment),
  );
}

/** Decides on a policy, or on its removal. */
export async function planPolicy(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<PolicyRecord | undefined>> {
  const { policy, remove } = args as unknown as { readonly policy?: ApprovalPolicy; readonly remove?: string };
  const name = policy?.name ?? remove ?? '';
  const { db, environment } = context;
  const stored = await readPolicies(db, environment, progress.revision);
  const existing = stored.find((one) => one.policy.name === name);
  if (policy !== undefined && existing !== undefined && isSame(existing.policy, policy)) {
    return { done: toRecord(existing) };
  }
  if (policy === undefined && existing === undefined) {
    const names = stored.map((one) => one.policy.name);
    const policies = names.length === 0 ? 'none besides the built-in one' : names.join(', ');
    throw new ConfigurationError('policy_not_found', { policy: name, policies });
  }
  const commit = newCommit(actor, 'policy', [name, digestOf(args)], comment, {
    metadata: { policy: name, ...asked(args) },
  });
  return {
    gate: {
      requires: await requirementOfRulesNow(context, progress),
      before: (existing?.policy ?? null) as unknown as JsonValue,
      about: { key: name, ...globalScope },
    },
    commit,
    changes: 'rules',
    store: async (sql, { revision, at }) => {
      if (policy === undefined) {
        await endPolicy(sql, environment, name, revision);
        return undefined;
      }
      const record: StoredPolicy = { policy, setBy: actor.id, setAt: at, comment: commit.comment, revision };
      await storePolicy(sql, environment, record);
      return toRecord(record);
    },
  };
}

const asked = (args: JsonValue): Record<string, unknown> => args as unknown as Record<string, unknown>;

function isSame(one: ApprovalPolicy, other: ApprovalPolicy): boolean {
  return digestOf(one as unknown as JsonValue) === digestOf(other as unknown as JsonValue);
}

/**
 * What a change of policies, roles or bindings needs now. While nothing is protected yet and nothing waits for approvals, there is nobody to
 * protect it from: so a new store is set up.
 */
export async function requirementOfRulesNow(context: Context, progress: Progress): Promise<Requirement | undefined> {
  const { db, environment } = context;
  const rules = await context.ruleBook.at(db, progress);
  const requires = requirementOfRules(rules);
  if (requires === undefined || (await hasOpenRequest(db, environment))) return requires;
  const keys = await readLayeredKeys(db, environment);
  return keys.some((key) => rules.isProtected(key)) ? requires : undefined;
}

/** The policies in force, by name. */
export async function listPolicies(context: Context, actor: Actor): Promise<PolicyRecord[]> {
  begin(context);
  await requirePermission(context, actor, 'read', globalScope, 'list');
  const { revision } = await context.ruleBook.now(context.db);
  const stored = (await readPolicies(context.db, context.environment, revision)).map(toRecord);
  const policies = stored.some(({ name }) => name === defaultPolicy.name)
    ? stored
    : [{ ...defaultPolicy, revision: 0 }, ...stored];
  return policies.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function toRecord({ policy, ...rest }: StoredPolicy): PolicyRecord {
  return { ...policy, ...rest };
}
