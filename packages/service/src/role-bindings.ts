/** Owns role bindings: who is given which role, where and for which keys. */
import { randomUUID } from 'node:crypto';
import {
  builtInRoles,
  ConfigurationError,
  globalScope,
  isSubject,
  parseEffect,
  parseId,
  parseKeyGlob,
  parseScope,
  parseSubject,
  permissions,
  sameScope,
  type ConfigScope,
  type JsonValue,
  type RoleBinding,
  type RoleBindingInput,
  type RoleSubject,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import { accessNow } from './access.ts';
import { roleNames, type AccessRules } from './access-control.ts';
import { systemActor, type Actor } from './actor.ts';
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
import { endBinding, storeBinding, type StoredBinding } from './store/roles.ts';
import { filterPermitted } from './visibility.ts';

/** A role given to somebody, as it is handed out. */
export interface RoleBindingRecord extends Omit<StoredBinding, 'scope'> {
  readonly scope: ConfigScope;
  /** `null` at global. */
  readonly scopeId: string | null;
}

/** Which bindings are asked for. */
export interface RoleBindingFilter {
  readonly subject?: RoleSubject;
  readonly role?: string;
  readonly scope?: ScopeInput;
}

type NewBinding = Omit<RoleBinding, 'id'>;

/** What a change of a binding is called with. */
type BindingArguments = ({ readonly bind: NewBinding } | { readonly unbind: string }) & { readonly asker: Asker };

/** Gives a role to somebody. The same again does no work. */
export async function bindRole(
  context: Context,
  actor: Actor,
  binding: RoleBindingInput,
  comment: string | undefined,
): Promise<RoleBindingRecord> {
  const asked = { bind: parseBinding(binding), asker: askerOf(actor) };
  const bound = await change(context, actor, asked, asked.bind.scope, comment);
  if (bound === undefined) throw new Error('a role was bound, and there is no binding');
  return bound;
}

/** Takes a role from somebody again, or lifts a denial. */
export async function unbindRole(
  context: Context,
  actor: Actor,
  id: string,
  comment: string | undefined,
): Promise<void> {
  begin(context);
  const { scope } = await requireBinding(context, await accessNow(context), actor, id);
  await change(context, actor, { unbind: id, asker: askerOf(actor) }, scope, comment);
}

function parseBinding(input: unknown): NewBinding {
  if (typeof input !== 'object' || input === null) refuse('binding', 'give it as { subject, role, scope, … }');
  const { subject, role, scope, scopeId, keys, effect, ...others } = input as RoleBindingInput;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    refuse('binding', `there is no ${other}; there are subject, role, scope, scopeId, keys, effect`);
  }
  if ((scope as unknown) === undefined)
    refuse('scope', 'name where the role is given; { scope: "global" } for everywhere');
  return {
    subject: parseSubject(subject),
    role: parseId(role, 'role'),
    scope: parseScope({ scope, scopeId }),
    keys: parseKeyGlob(keys ?? '*', 'keys'),
    effect: parseEffect(effect),
  };
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

async function change(
  context: Context,
  actor: Actor,
  asked: BindingArguments,
  scope: ScopeRef,
  comment: string | undefined,
): Promise<RoleBindingRecord | undefined> {
  begin(context);
  const args = asked as unknown as JsonValue;
  const proposal = { operation: 'binding', arguments: args, comment: parseComment(comment) } as const;
  await requireByHook(context, actor, scope, giftsOf(await accessNow(context), asked));
  return decideGated(context, actor, proposal, (progress, context) =>
    planBinding(progress, context, actor, args, comment),
  );
}

/** Decides on a binding, or on its end. */
export async function planBinding(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<RoleBindingRecord | undefined>> {
  const asked = args as unknown as BindingArguments;
  const rules = await rulesAt(context, progress);
  const asker = actorOfAsker(actor, asked.asker);
  const binding = 'bind' in asked ? asked.bind : findBinding(rules, asked.unbind);
  await requireByBindings(context, rules, asker, binding.scope, giftsOf(rules, asked));
  if ('bind' in asked) refuseLockout(rules, asker, asked.bind);
  const existing = 'bind' in asked ? rules.bindings.find((one) => isSame(one, binding)) : undefined;
  if (existing !== undefined) return { done: toRecord(existing) };
  const id = 'bind' in asked ? randomUUID() : asked.unbind;
  const { subject, role, scope, keys, effect } = binding;
  const told = { id, subject, role, keys, effect };
  const commit = newCommit(asker, 'binding', [id, 'unbind' in asked], comment, {
    about: scope,
    metadata: 'bind' in asked ? told : { ...told, removed: true },
  });
  const { environment } = context;
  return {
    gate: {
      requires: await requirementOfRulesNow(context, progress),
      before: 'bind' in asked ? null : id,
      about: { key: role, ...scope },
    },
    commit,
    changes: 'rules',
    store: async (sql, { revision, at }) => {
      if (!('bind' in asked)) {
        await endBinding(sql, environment, id, revision);
        return undefined;
      }
      const stored: StoredBinding = {
        ...binding,
        id,
        boundBy: actor.id,
        boundAt: at,
        comment: commit.comment,
        revision,
      };
      await storeBinding(sql, environment, stored);
      return toRecord(stored);
    },
    applied: (revision) => context.access.changed(revision),
  };
}

// From the first binding on nobody may do what none allows: so it has to leave somebody who can give others.
function refuseLockout({ bindings, roles }: AccessRules, actor: Actor, binding: NewBinding): void {
  if (bindings.length > 0 || actor === systemActor) return;
  const { role, scope, keys, effect } = binding;
  const definition = [...builtInRoles, ...roles].find(({ name }) => name === role);
  const isAdministrator = definition?.permissions.includes('policy') === true && sameScope(scope, globalScope);
  if (isAdministrator && keys === '*' && effect === 'allow') return;
  refuse('binding', 'the first one has to make somebody an administrator at global (the role admin): without, nobody could give roles any more'); // prettier-ignore
}

function isSame(one: NewBinding, other: NewBinding): boolean {
  return (
    one.subject.user === other.subject.user &&
    one.subject.group === other.subject.group &&
    one.role === other.role &&
    sameScope(one.scope, other.scope) &&
    one.keys === other.keys &&
    one.effect === other.effect
  );
}

/** What a role that is given allows, or a denial that is lifted denied. */
function giftsOf(rules: AccessRules, asked: BindingArguments): readonly Gift[] {
  const binding = 'bind' in asked ? asked.bind : findBinding(rules, asked.unbind);
  const { role, subject, scope, keys, effect } = binding;
  const definition = [...builtInRoles, ...rules.roles].find(({ name }) => name === role);
  if ('bind' in asked && definition === undefined) {
    throw new ConfigurationError('role_not_found', { role, roles: roleNames(rules).join(', ') });
  }
  if (effect !== ('bind' in asked ? 'allow' : 'deny')) return [];
  return [{ role, to: subject, permissions: definition?.permissions ?? permissions, scope, keys }];
}

function findBinding(rules: AccessRules, id: string): StoredBinding {
  const found = rules.bindings.find((binding) => binding.id === id);
  if (found === undefined) throw new ConfigurationError('binding_not_found', { id });
  return found;
}

/** A binding that an actor may see. @throws ConfigurationError `binding_not_found`, the same for one that he may not. */
async function requireBinding(context: Context, rules: AccessRules, actor: Actor, id: string): Promise<StoredBinding> {
  const [seen] = await seenOf(context, actor, [findBinding(rules, id)]);
  if (seen === undefined) throw new ConfigurationError('binding_not_found', { id });
  return seen;
}

/** Those bindings that are about the actor, or lie where he has the permission `policy`. */
async function seenOf(
  context: Context,
  actor: Actor,
  bindings: readonly StoredBinding[],
): Promise<readonly StoredBinding[]> {
  const governed = await filterPermitted(context, actor, 'policy', bindings, ({ scope }) => scope);
  return bindings.filter((binding) => isSubject(binding.subject, actor) || governed.includes(binding));
}

/** Who has which role, in the order in which they were given. */
export async function listRoleBindings(
  context: Context,
  actor: Actor,
  filter: RoleBindingFilter,
): Promise<RoleBindingRecord[]> {
  begin(context);
  const subject = filter.subject === undefined ? undefined : parseSubject(filter.subject);
  const scope = filter.scope === undefined ? undefined : parseScope(filter.scope);
  const { bindings } = await accessNow(context);
  const wanted = bindings.filter(
    (binding) =>
      (subject === undefined || (binding.subject.user === subject.user && binding.subject.group === subject.group)) &&
      (filter.role === undefined || binding.role === filter.role) &&
      (scope === undefined || sameScope(binding.scope, scope)),
  );
  return (await seenOf(context, actor, wanted)).map(toRecord);
}

function toRecord({ scope: { scope, scopeId }, ...binding }: StoredBinding): RoleBindingRecord {
  return { ...binding, scope, scopeId: scope === 'global' ? null : scopeId };
}
