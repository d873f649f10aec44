/** Owns permissions: what roles allow, whom they are given to, and whether somebody may do something somewhere. */
import { entriesPattern } from './collection.ts';
import { ConfigurationError, describeInput } from './errors.ts';
import { globMatcher } from './glob.ts';
import {
  parseId,
  resolveChain,
  sameScope,
  type ScopeInput,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from './scope.ts';

/** Everything that can be permitted. */
export const permissions = [
  'read',
  'read-sensitive',
  'write',
  'delete',
  'propose',
  'approve',
  'rollback',
  'tag',
  'flags',
  'schema',
  'policy',
  'scopes',
  'tokens',
  'audit',
  'export',
  'import',
  'break-glass',
] as const;
export type Permission = (typeof permissions)[number];

/** A name for some permissions. */
export interface RoleDefinition {
  readonly name: string;
  readonly permissions: readonly Permission[];
}

const viewer: readonly Permission[] = ['read'];
const editor: readonly Permission[] = [...viewer, 'write', 'delete', 'propose', 'rollback', 'tag', 'flags', 'import', 'export']; // prettier-ignore

/** The roles that every store has. They cannot be changed. */
export const builtInRoles: readonly RoleDefinition[] = [
  { name: 'viewer', permissions: viewer },
  { name: 'editor', permissions: editor },
  { name: 'approver', permissions: [...viewer, 'approve', 'propose'] },
  { name: 'admin', permissions: permissions.filter((permission) => permission !== 'break-glass') },
];

/** Who is given a role: one user, or everybody of whom the host says that they have a role of that name. */
export type RoleSubject =
  { readonly user: string; readonly group?: undefined } | { readonly group: string; readonly user?: undefined };

/** A role given to somebody, at a scope and all scopes below it, for the keys that a glob matches. */
export interface RoleBinding {
  readonly id: string;
  readonly subject: RoleSubject;
  /** The name of a role. */
  readonly role: string;
  readonly scope: ScopeRef;
  /** A key, or a glob of keys; `*` for all, and for what is about no key. */
  readonly keys: string;
  /** `deny` takes the permissions of the role away, whatever allows them. */
  readonly effect: 'allow' | 'deny';
}

/** Who acts, as far as permissions go by it. */
export interface PermittedActor {
  readonly id: string;
  /** What the host calls this user's roles: they count through bindings that name them as a group. */
  readonly roles?: readonly string[] | undefined;
}

/** What somebody wants to act on. */
export interface PermissionResource {
  /** Absent for what is about no key: a scope, a policy. */
  readonly key?: string | undefined;
  /** The scopes from global down to the one that it belongs to. */
  readonly chain: readonly ScopeRef[];
}

/** What one binding means for one actor. */
export interface Grant {
  readonly isDenial: boolean;
  readonly permissions: ReadonlySet<Permission>;
  readonly scope: ScopeRef;
  /** The glob of keys that it is for. */
  readonly keys: string;
  /** Whether it is for every key, and for what is about none. */
  readonly isForAllKeys: boolean;
  readonly matches: (key: string) => boolean;
}

const everything: ReadonlySet<Permission> = new Set(permissions);

/** What the bindings of an actor mean. A role that is not defined allows nothing, and denies everything. */
export function grantsOf(
  bindings: readonly RoleBinding[],
  roles: readonly RoleDefinition[],
  actor: PermittedActor,
): readonly Grant[] {
  return bindings.filter(({ subject }) => isSubject(subject, actor)).map((binding) => toGrant(binding, roles));
}

/** Whether a binding of this subject is about an actor. */
export function isSubject({ user, group }: RoleSubject, { id, roles = [] }: PermittedActor): boolean {
  return group === undefined ? user === id : roles.includes(group);
}

function toGrant({ role, scope, keys, effect }: RoleBinding, roles: readonly RoleDefinition[]): Grant {
  const definition = [...builtInRoles, ...roles].find(({ name }) => name === role);
  const isDenial = effect === 'deny';
  return {
    isDenial,
    permissions: definition === undefined ? (isDenial ? everything : new Set()) : new Set(definition.permissions),
    scope,
    keys,
    isForAllKeys: keys === '*',
    matches: keys === '*' ? () => true : globMatcher(keys),
  };
}

/** Whether a permission is granted for a resource: something allows it, and nothing denies it. */
export function isGranted(grants: readonly Grant[], permission: Permission, resource: PermissionResource): boolean {
  const { key, chain } = resource;
  let isAllowed = false;
  for (const grant of grants) {
    if (!grant.permissions.has(permission)) continue;
    if (!(key === undefined ? grant.isForAllKeys : grant.matches(key)) || !isOn(chain, grant.scope)) continue;
    if (grant.isDenial) return false;
    isAllowed = true;
  }
  return isAllowed;
}

/** Whether a permission may be granted for some key there: what is asked about a list, of which each entry is then asked about. */
export function isGrantedForSome(
  grants: readonly Grant[],
  permission: Permission,
  chain: readonly ScopeRef[],
): boolean {
  const here = grants.filter((grant) => grant.permissions.has(permission) && isOn(chain, grant.scope));
  return here.some(({ isDenial }) => !isDenial) && !here.some(({ isDenial, isForAllKeys }) => isDenial && isForAllKeys);
}

// Chains have at most four scopes, and this is asked in every read.
/** Whether a scope is one of a chain. */
export function isOn(chain: readonly ScopeRef[], scope: ScopeRef): boolean {
  for (const one of chain) if (sameScope(one, scope)) return true;
  return false;
}

/** Whether bindings permit an actor to do something. */
export function isPermitted(
  bindings: readonly RoleBinding[],
  roles: readonly RoleDefinition[],
  actor: PermittedActor,
  permission: Permission,
  resource: PermissionResource,
): boolean {
  return isGranted(grantsOf(bindings, roles, actor), permission, resource);
}

/**
 * The chains on all of which an actor has to be permitted who acts at a scope: the one that it inherits along, as far as that is registered.
 * Parents that are only named make nobody a member of them: then the scope counts as it is registered, and each parent that was given
 * for itself.
 * @param links the registered links of the scope, of its registered teams, and of the team that is named.
 */
export function authorityChains(request: ScopeRequest, links: readonly ScopeLink[]): readonly (readonly ScopeRef[])[] {
  const chain = resolveChain(request, links);
  if (isRegistered(request, chain, links)) return [chain];
  const { scope, scopeId, organizationId, teamId } = request;
  const given: ScopeRef[] = [{ scope, scopeId }];
  if (organizationId !== undefined) given.push({ scope: 'org', scopeId: organizationId });
  if (teamId !== undefined) given.push({ scope: 'team', scopeId: teamId });
  return given.map((one) => resolveChain(one, links));
}

/** Whether the parents that a request gives are registered ones. */
function isRegistered(
  { scope, scopeId, organizationId, teamId }: ScopeRequest,
  chain: readonly ScopeRef[],
  links: readonly ScopeLink[],
): boolean {
  const self: ScopeRef = { scope, scopeId };
  const inherits = (child: ScopeRef, parent: ScopeRef): boolean =>
    links.some((link) => sameScope(link.child, child) && sameScope(link.parent, parent));
  if (teamId !== undefined && !inherits(self, { scope: 'team', scopeId: teamId })) return false;
  if (organizationId === undefined) return true;
  const team = scope === 'user' ? chain.find((one) => one.scope === 'team') : undefined;
  const isOfTeam = team !== undefined && links.some((link) => sameScope(link.child, team));
  return inherits(isOfTeam ? team : self, { scope: 'org', scopeId: organizationId });
}

/** Checks a permission. @throws ConfigurationError `invalid_argument`. */
export function parsePermission(input: unknown): Permission {
  const permission = permissions.find((one) => one === input);
  return permission ?? refuse('permissions', `${describeInput(input)} is none of ${permissions.join(', ')}`);
}

/** Checks a role that is to be defined. @throws ConfigurationError `invalid_argument`, also for the name of a built-in role. */
export function parseRole(input: unknown): RoleDefinition {
  if (typeof input !== 'object' || input === null) return refuse('role', 'give it as { name, permissions }');
  const { name: givenName, permissions: given, ...others } = input as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) refuse('role', `there is no ${other}; there are name, permissions`);
  const name = parseRoleName(givenName);
  if (!Array.isArray(given) || given.length === 0) return refuse('permissions', 'give a list of at least one');
  const parsed = new Set(given.map(parsePermission));
  return { name, permissions: permissions.filter((permission) => parsed.has(permission)) };
}

/** Checks the name of a role that is no built-in one. @throws ConfigurationError `invalid_argument`. */
export function parseRoleName(input: unknown): string {
  const name = parseId(input, 'role');
  if (builtInRoles.some((role) => role.name === name)) {
    refuse('role', `${name} is built in and stays as it is; choose another name`);
  }
  return name;
}

/** Checks a glob of keys: a text that some key could match. A collection stands for all of its entries. @throws ConfigurationError `invalid_argument`. */
export function parseKeyGlob(input: unknown, argument: string): string {
  if (typeof input !== 'string' || !/^[A-Za-z0-9_.:/*?-]{1,255}$/.test(input)) {
    return refuse(argument, `${describeInput(input)} is no key and no glob of keys`);
  }
  return /^\*+$/.test(input) ? '*' : entriesPattern(input);
}

/** A role to give to somebody, as a caller gives it. */
export type RoleBindingInput = ScopeInput & {
  readonly subject: RoleSubject;
  readonly role: string;
  readonly keys?: string | undefined;
  readonly effect?: 'allow' | 'deny' | undefined;
};

/** Checks the subject of a binding. @throws ConfigurationError `invalid_argument`. */
export function parseSubject(input: unknown): RoleSubject {
  const { user, group, ...others } = (typeof input === 'object' && input !== null ? input : {}) as {
    user?: unknown;
    group?: unknown;
  };
  if (Object.keys(others).length === 0) {
    if (user !== undefined && group === undefined) return { user: parseId(user, 'user') };
    if (group !== undefined && user === undefined) return { group: parseId(group, 'group') };
  }
  return refuse('subject', 'give who gets the role as { user } or as { group }, one of both');
}

/** Checks the effect of a binding. Default: `allow`. @throws ConfigurationError `invalid_argument`. */
export function parseEffect(input: unknown): RoleBinding['effect'] {
  if (input === undefined || input === 'allow') return 'allow';
  return input === 'deny' ? 'deny' : refuse('effect', `${describeInput(input)} is none of allow, deny`);
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
