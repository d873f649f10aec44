/** Owns the one gate of approvals: what a change needs before it may be stored, whichever way it comes. */
import {
  changeLevel,
  globalScope,
  globMatcher,
  governingPolicy,
  isSubject,
  strictest,
  type Address,
  type ImpactLevel,
  type JsonValue,
  type Requirement,
  type ScopeRef,
} from '@strata/core';
import type { AccessRules } from './access-control.ts';
import type { Actor } from './actor.ts';
import { digestOf } from './digest.ts';
import type { HeadView } from './heads.ts';
import { baseImpactOf, type Rules } from './rules.ts';

/** Says inside the service that a change is in order, and needs approvals. Callers are told by `ApprovalRequiredError`. */
export class ApprovalNeeded extends Error {
  readonly requires: Requirement;

  constructor(requires: Requirement) {
    super(`${String(requires.minimumApprovals)} approvals are needed`);
    this.requires = requires;
  }
}

/** The impact level of a change of a key at a scope. */
export function levelOf(rules: Rules, key: string, { scope }: ScopeRef): ImpactLevel {
  return changeLevel(baseImpactOf(rules, key), scope);
}

/** What a change of a value that is there needs; undefined where it needs nothing. */
export function requirementAt(rules: Rules, key: string, scope: ScopeRef): Requirement | undefined {
  if (!rules.isProtected(key)) return undefined;
  const impactLevel = levelOf(rules, key, scope);
  const policy = governingPolicy(rules.policies, key, scope.scope, impactLevel);
  if (policy === undefined || policy.minimumApprovals === 0) return undefined;
  return { impactLevel, minimumApprovals: policy.minimumApprovals, policies: [policy] };
}

/** What changes of values need together, on the heads before them. */
export function requirementOf(view: HeadView, changes: readonly Address[]): Requirement | undefined {
  return strictest(changes.map((change) => requirementOfOne(view, change)));
}

function requirementOfOne(view: HeadView, change: Address): Requirement | undefined {
  const { rules } = view;
  const { key } = change;
  // An address that ever had a version has a head, if only that of its removal.
  if (!rules.isProtected(key) || view.head(change) !== undefined) return requirementAt(rules, key, change);
  return requirementOfFirst(view, change);
}

/** What a first value needs: by its own policy where that is about first values, else what the layer above would need. */
function requirementOfFirst(view: HeadView, change: Address): Requirement | undefined {
  const { rules } = view;
  const own = requirementAt(rules, change.key, change);
  if (own?.policies.some(({ firstValues }) => firstValues === 'approve') === true) return own;
  if (change.scope === 'global' || change.scope === 'org') return undefined;
  const above = view
    .chain(change)
    .slice(0, -1)
    .findLast(({ scope, scopeId }) => view.head({ key: change.key, scope, scopeId })?.value !== undefined);
  const needed = above === undefined ? undefined : requirementAt(rules, change.key, above);
  return needed === undefined ? undefined : { ...needed, impactLevel: levelOf(rules, change.key, change) };
}

/** What a change of the rules of approval itself needs: as many approvals as anything does. */
export function requirementOfRules(rules: Rules): Requirement | undefined {
  const most = Math.max(0, ...rules.policies.map(({ minimumApprovals }) => minimumApprovals));
  if (most === 0) return undefined;
  const policies = rules.policies.filter(({ minimumApprovals }) => minimumApprovals === most);
  return strictest(policies.map((policy) => ({ impactLevel: 'critical', minimumApprovals: most, policies: [policy] })));
}

/** What stands for a requirement in what an approval is bound to. */
export function requirementDigest(requires: Requirement | undefined): string {
  return digestOf((requires ?? null) as unknown as JsonValue);
}

/** The names of the roles that an actor has at some scopes: those that the host says, and those that are bound in the store. */
export function roleNamesOf(
  { bindings }: AccessRules,
  actor: Pick<Actor, 'id' | 'roles'>,
  key: string | undefined,
  chain: readonly ScopeRef[],
): readonly string[] {
  const isHere = ({ scope, scopeId }: ScopeRef): boolean =>
    scope === globalScope.scope || chain.some((one) => one.scope === scope && one.scopeId === scopeId);
  const bound = bindings.filter(
    ({ subject, scope, keys, effect }) =>
      effect === 'allow' &&
      isSubject(subject, actor) &&
      isHere(scope) &&
      (keys === '*' || (key !== undefined && globMatcher(keys)(key))),
  );
  return [...new Set([...(actor.roles ?? []), ...bound.map(({ role }) => role)])];
}
