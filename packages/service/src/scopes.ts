/** Owns the scope registry: which scope inherits from which. */
import { type Actor } from './actor.ts';
import {
  checkParents,
  ConfigurationError,
  formatScope,
  globalScope,
  parseScope,
  sameScope,
  scopes as allScopes,
  type ConfigScope,
  type JsonValue,
  type ScopeInput,
  type ScopeLink,
  type ScopeRef,
} from '@strata/core';
import { requirePermission } from './access.ts';
import { begin, type Context } from './context.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { parseCount } from './history.ts';
import { refuseBreakingMove, requirementOfMove } from './scope-move.ts';
import type { Progress } from './store/counter.ts';
import {
  listScopes as readList,
  readChildren,
  readScopes,
  removeScope as endScope,
  storeScope,
  type StoredScope,
} from './store/scopes.ts';
import { readLayersOfScope } from './store/settings.ts';
import { newCommit } from './new-commit.ts';

/** A scope to register. */
export interface ScopeRegistration {
  readonly scope: ConfigScope;
  readonly scopeId: string;
  /** One scope, or for a user a list of teams and orgs. Absent: it inherits from global directly. */
  readonly parent?: ScopeInput | readonly ScopeInput[];
  /** Which of the parents a user inherits from; default: the first. */
  readonly primary?: ScopeInput;
  readonly name?: string;
}

/** A registered scope. */
export interface RegisteredScope extends ScopeRef {
  readonly name: string | null;
  readonly parents: readonly (ScopeRef & { readonly primary: boolean })[];
  readonly revision: number;
}

type Parent = ScopeRef & { readonly primary: boolean };

/** Registers a scope with its parents, or replaces what was registered. */
export async function registerScope(
  context: Context,
  actor: Actor,
  registration: ScopeRegistration,
): Promise<RegisteredScope> {
  begin(context);
  const child = parseRegistrable(registration);
  const parents = parseParents(child, registration);
  const name = parseName(registration.name);
  for (const place of [child, ...parents]) await requirePermission(context, actor, 'scopes', place);
  const args = { scope: child.scope, scopeId: child.scopeId, name, parents: parents as unknown as JsonValue };
  const proposal = { operation: 'scope', arguments: args, comment: null } as const;
  return decideGated(context, actor, proposal, (progress, context) => planScope(progress, context, actor, args));
}

/** Decides on a scope and its parents. */
export async function planScope(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
): Promise<GatedPlan<RegisteredScope>> {
  const { name, parents, ...child } = args as unknown as ScopeRef & {
    readonly name: string | null;
    readonly parents: readonly Parent[];
  };
  const [existing] = await readScopes(context.db, context.environment, [child]);
  if (existing !== undefined && isSame(existing, name, parents)) return { done: toRegistered(existing) };
  const before = existing?.links ?? [];
  const after = toLinks(child, parents);
  const checked = await refuseBreakingMove(context, progress, child, before, after);
  return {
    gate: {
      requires: await requirementOfMove(context, progress, child, before, after),
      before: before.map(({ parent, primary }) => [formatScope(parent), primary]),
      about: { key: formatScope(child), ...child },
    },
    commit: newCommit(actor, 'scope', [child.scope, child.scopeId, name, parents.map(formatScope)], undefined, {
      about: child,
      metadata: { name, parents: parents.map(formatScope) },
    }),
    changes: 'scopes',
    quietKeys: checked,
    store: async (sql, { revision }) => {
      await storeScope(sql, context.environment, { ...child, name, parents }, revision);
      return toRegistered({ ...child, name, revision, links: after });
    },
    applied: (revision) => {
      context.cache?.linksChanged(child, revision);
      context.flags.parents.changed();
    },
  };
}

function parseRegistrable(input: ScopeInput): ScopeRef {
  const scope = parseScope(input);
  if (scope.scope !== 'global') return scope;
  throw new ConfigurationError('invalid_scope', {
    problem: 'global needs no registration; all scopes inherit from it',
  });
}

function parseParents(child: ScopeRef, { parent, primary }: ScopeRegistration): Parent[] {
  const given = parent === undefined ? [] : isList(parent) ? parent : [parent];
  const refs = given.map((one) => parseScope(one));
  checkParents(child, refs);
  const parents = refs.filter(
    (one, index) => one.scope !== 'global' && refs.findIndex((other) => sameScope(other, one)) === index,
  );
  const first = primary === undefined ? parents[0] : parseScope(primary);
  if (first !== undefined && !parents.some((one) => sameScope(one, first))) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'primary',
      problem: `${formatScope(first)} is none of the parents given`,
    });
  }
  return parents.map((one) => ({ ...one, primary: first !== undefined && sameScope(one, first) }));
}

function isList(parent: ScopeInput | readonly ScopeInput[]): parent is readonly ScopeInput[] {
  return Array.isArray(parent);
}

function parseName(name: unknown): string | null {
  if (name === undefined || name === null) return null;
  if (typeof name === 'string' && name.length <= 255 && name.isWellFormed() && !name.includes('\u0000')) return name;
  throw new ConfigurationError('invalid_argument', {
    argument: 'name',
    problem: 'give a text of at most 255 characters',
  });
}

function toLinks(child: ScopeRef, parents: readonly Parent[]): ScopeLink[] {
  return parents.map(({ scope, scopeId, primary }) => ({ child, parent: { scope, scopeId }, primary }));
}

function isSame(existing: StoredScope, name: string | null, parents: readonly Parent[]): boolean {
  return (
    existing.name === name &&
    existing.links.length === parents.length &&
    existing.links.every((link, index) => {
      const parent = parents[index];
      return parent !== undefined && sameScope(link.parent, parent) && link.primary === parent.primary;
    })
  );
}

function toRegistered({ scope, scopeId, name, revision, links }: StoredScope): RegisteredScope {
  return { scope, scopeId, name, revision, parents: links.map(({ parent, primary }) => ({ ...parent, primary })) };
}

/** How many uses of a scope a refusal lists. */
const listed = 20;

/** Takes a scope out of the registry; refused while anything hangs on it. */
export async function removeScope(context: Context, actor: Actor, input: ScopeInput): Promise<void> {
  begin(context);
  const scope = parseRegistrable(input);
  await requirePermission(context, actor, 'scopes', scope);
  const args = { scope: scope.scope, scopeId: scope.scopeId };
  const proposal = { operation: 'scope-removal', arguments: args, comment: null } as const;
  return decideGated(context, actor, proposal, (progress, context) => planScopeRemoval(progress, context, actor, args));
}

/** Decides on the removal of a scope. */
export async function planScopeRemoval(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
): Promise<GatedPlan<void>> {
  const scope = args as unknown as ScopeRef;
  const [existing] = await readScopes(context.db, context.environment, [scope]);
  if (existing === undefined) throw new ConfigurationError('scope_not_found', { scope: formatScope(scope) });
  const { locks } = await context.ruleBook.at(context.db, progress);
  const locked = [...locks.values()].flat().filter((lock) => sameScope(lock, scope));
  refuseUsed(
    scope,
    locked.map((lock) => `a lock on ${lock.key}`),
  );
  return {
    gate: {
      requires: await requirementOfMove(context, progress, scope, existing.links, []),
      before: existing.links.map(({ parent, primary }) => [formatScope(parent), primary]),
      about: { key: formatScope(scope), ...scope },
    },
    commit: newCommit(actor, 'scope-removal', [scope.scope, scope.scopeId], undefined, { about: scope }),
    changes: 'scopes',
    // Looked at once more under the counter's lock, since layers and children may have come meanwhile.
    store: async (sql, { revision }) => {
      const children = await readChildren(sql, context.environment, scope, listed);
      const layers = await readLayersOfScope(sql, context.environment, scope.scope, scope.scopeId);
      refuseUsed(scope, [
        ...children.map((child) => formatScope(child)),
        ...layers.map((layer) => `a value of ${layer.key}`),
      ]);
      await endScope(sql, context.environment, scope, revision);
    },
    applied: (revision) => {
      context.cache?.linksChanged(scope, revision);
      context.flags.parents.changed();
    },
  };
}

function refuseUsed(scope: ScopeRef, uses: readonly string[]): void {
  if (uses.length === 0) return;
  const more = uses.length > listed ? ', …' : '';
  throw new ConfigurationError('scope_in_use', {
    scope: formatScope(scope),
    uses: uses.slice(0, listed).join(', ') + more,
    usedBy: uses.slice(0, listed),
  });
}

/** The registered scopes. */
export async function listScopes(
  context: Context,
  filter: {
    readonly scope?: ConfigScope;
    readonly parent?: ScopeInput;
    readonly after?: ScopeInput;
    readonly limit?: number;
  },
): Promise<RegisteredScope[]> {
  begin(context);
  if (filter.scope !== undefined && !allScopes.includes(filter.scope)) parseScope({ scope: filter.scope });
  const after = filter.after === undefined ? undefined : parseScope(filter.after);
  const found = await readList(context.db, context.environment, {
    scope: filter.scope,
    parent: filter.parent === undefined ? undefined : parseScope(filter.parent),
    after: after === undefined || sameScope(after, globalScope) ? undefined : after,
    limit: parseCount(filter.limit ?? 1000, 'limit', 10_000),
  });
  return found.map(toRegistered);
}
