/** Owns who may hand on permissions: nobody hands on more than is permitted to himself. */
import { globMatcher } from './glob.ts';
import { isOn, type Grant, type Permission, type RoleDefinition, type RoleBinding } from './permission.ts';
import { sameScope, type ScopeRef } from './scope.ts';

/** What somebody is to be able to do: permissions, at a scope and everywhere below it, for the keys of a glob. */
export interface Handover {
  readonly permissions: readonly Permission[];
  readonly keys: string;
  /** The scopes from global down to the one that it is for. */
  readonly chain: readonly ScopeRef[];
}

/**
 * The permissions of a handover that somebody with these grants does not hold himself, for all of the keys, at the scope and everywhere
 * below it. Where two globs are not alike, neither is taken to cover the other, and each to touch the other.
 * @param isWithin whether the first scope lies below the second, by whichever registered links.
 */
export function lackingFor(
  grants: readonly Grant[],
  { permissions, keys, chain }: Handover,
  isWithin: (inner: ScopeRef, outer: ScopeRef) => boolean,
): readonly Permission[] {
  const target = chain.at(-1);
  if (target === undefined) return permissions;
  const touches = ({ scope }: Grant): boolean =>
    isOn(chain, scope) || sameScope(scope, target) || isWithin(scope, target) || isWithin(target, scope);
  return permissions.filter((permission) => {
    const about = grants.filter((grant) => grant.permissions.has(permission));
    if (about.some((grant) => grant.isDenial && overlaps(grant, keys) && touches(grant))) return true;
    return !about.some((grant) => !grant.isDenial && covers(grant, keys) && isOn(chain, grant.scope));
  });
}

function covers(grant: Grant, keys: string): boolean {
  return grant.isForAllKeys || grant.keys === keys || (!isGlob(keys) && grant.matches(keys));
}

function overlaps(grant: Grant, keys: string): boolean {
  if (grant.isForAllKeys || keys === '*' || grant.keys === keys) return true;
  if (!isGlob(keys)) return grant.matches(keys);
  return isGlob(grant.keys) || globMatcher(keys)(grant.keys);
}

const isGlob = (keys: string): boolean => /[*?]/.test(keys);

/** What those to whom a role is given gain when it becomes another: what it allows more, or denies less. */
export function gainOf(
  { effect }: Pick<RoleBinding, 'effect'>,
  before: RoleDefinition['permissions'],
  after: RoleDefinition['permissions'],
): readonly Permission[] {
  const [more, less] = effect === 'allow' ? [after, before] : [before, after];
  return more.filter((permission) => !less.includes(permission));
}
