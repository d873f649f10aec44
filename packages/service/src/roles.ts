/** Owns roles: what they allow. Whom they are given to is in role-bindings.ts. */
import {
  builtInRoles,
  ConfigurationError,
  gainOf,
  globalScope,
  parseRole,
  parseRoleName,
  type JsonValue,
  type RoleDefinition,
} from '@strata/core';
import { accessNow } from './access.ts';
import { roleNames, type AccessRules } from './access-control.ts';
import type { Actor } from './actor.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { begin, type Context } from './context.ts';
import {
  actorOfAsker,
  askerOf,
  requireByBindings,
  requireByHook,
  rulesAt,
  type Asker,
  type Gift,
} from './delegation.ts';
import { newCommit, parseComment } from './new-commit.ts';
import { requirementOfRulesNow } from './policies.ts';
import type { Progress } from './store/counter.ts';
import { endRole, storeRole, type StoredRole } from './store/roles.ts';
import { requireVisibility } from './visibility.ts';

/** A role as it is handed out. */
export interface RoleRecord extends RoleDefinition {
  /** Whether every store has it, and it cannot be changed. */
  readonly builtIn: boolean;
  /** Absent for a built-in role. */
  readonly setBy?: string;
  readonly setAt?: Date;
  readonly comment?: string | null;
  /** The revision since which it holds; 0 for a built-in one. */
  readonly revision: number;
}

/** What a change of a role is called with. */
type RoleArguments = ({ readonly role: RoleDefinition } | { readonly remove: string }) & { readonly asker: Asker };

/** Defines a role, in the place of the one of its name. The same again does no work. */
export async function setRole(
  context: Context,
  actor: Actor,
  role: RoleDefinition,
  comment: string | undefined,
): Promise<RoleRecord> {
  const set = await change(context, actor, { role: parseRole(role), asker: askerOf(actor) }, comment);
  if (set === undefined) throw new Error('a role was set, and there is none');
  return set;
}

/** Takes a role away that nobody has any more. */
export async function removeRole(
  context: Context,
  actor: Actor,
  name: string,
  comment: string | undefined,
): Promise<void> {
  await change(context, actor, { remove: parseRoleName(name), asker: askerOf(actor) }, comment);
}

async function change(
  context: Context,
  actor: Actor,
  asked: RoleArguments,
  comment: string | undefined,
): Promise<RoleRecord | undefined> {
  begin(context);
  const args = asked as unknown as JsonValue;
  const proposal = { operation: 'role', arguments: args, comment: parseComment(comment) } as const;
  await requireByHook(context, actor, globalScope, giftsOf(await accessNow(context), asked));
  return decideGated(context, actor, proposal, (progress, context) =>
    planRole(progress, context, actor, args, comment),
  );
}

/** Decides on a role, or on its removal. */
export async function planRole(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<RoleRecord | undefined>> {
  const asked = args as unknown as RoleArguments;
  const rules = await rulesAt(context, progress);
  const asker = actorOfAsker(actor, asked.asker);
  await requireByBindings(context, rules, asker, globalScope, giftsOf(rules, asked));
  const name = nameIn(asked);
  const existing = rules.roles.find((role) => role.name === name);
  const role = 'role' in asked ? asked.role : undefined;
  if (role === undefined) refuseRemoval(rules, name);
  else if (existing !== undefined && isSame(existing, role)) return { done: toRecord(existing) };
  const { environment } = context;
  const permissions = role?.permissions ?? null;
  const commit = newCommit(asker, 'role', [name, permissions === null ? null : [...permissions]], comment, {
    metadata: role === undefined ? { role: name, removed: true } : { role: name, permissions },
  });
  return {
    gate: {
      requires: await requirementOfRulesNow(context, progress),
      before: existing === undefined ? null : [...existing.permissions],
      about: { key: name, ...globalScope },
    },
    commit,
    changes: 'rules',
    store: async (sql, { revision, at }) => {
      if (role === undefined) {
        await endRole(sql, environment, name, revision);
        return undefined;
      }
      const stored: StoredRole = { ...role, setBy: actor.id, setAt: at, comment: commit.comment, revision };
      await storeRole(sql, environment, stored);
      return toRecord(stored);
    },
    applied: (revision) => context.access.changed(revision),
  };
}

const nameIn = (asked: RoleArguments): string => ('role' in asked ? asked.role.name : asked.remove);

/** What those gain who have a role that is to become another. One that is not defined allows nothing and denies everything. */
function giftsOf({ bindings, roles }: AccessRules, asked: RoleArguments): readonly Gift[] {
  if (!('role' in asked)) return [];
  const { name, permissions } = asked.role;
  const before = roles.find((role) => role.name === name)?.permissions ?? [];
  return bindings
    .filter((binding) => binding.role === name)
    .map((binding) => ({
      role: name,
      to: binding.subject,
      permissions: gainOf(binding, before, permissions),
      scope: binding.scope,
      keys: binding.keys,
    }));
}

function refuseRemoval(rules: AccessRules, name: string): void {
  if (!rules.roles.some((role) => role.name === name)) {
    throw new ConfigurationError('role_not_found', { role: name, roles: roleNames(rules).join(', ') });
  }
  const bound = rules.bindings.filter((binding) => binding.role === name);
  if (bound.length === 0) return;
  const subjects = [...new Set(bound.map(({ subject }) => subject.user ?? `the group ${subject.group}`))];
  throw new ConfigurationError('role_in_use', { role: name, subjects: subjects.join(', ') });
}

function isSame(one: RoleDefinition, other: RoleDefinition): boolean {
  return one.permissions.join() === other.permissions.join();
}

/** The roles there are: the built-in ones, then the others by name. */
export async function listRoles(context: Context, actor: Actor): Promise<RoleRecord[]> {
  begin(context);
  const see = await requireVisibility(context, actor, 'read');
  await see.requireSome([]);
  const { roles } = await accessNow(context);
  return [...builtInRoles.map((role) => ({ ...role, builtIn: true, revision: 0 })), ...roles.map(toRecord)];
}

function toRecord(role: StoredRole): RoleRecord {
  return { ...role, builtIn: false };
}
