/** Owns scopes: what a key and a scope may be, and which chain of scopes a read inherits along. */
import { ConfigurationError, describeInput } from './errors.ts';
import { isForbiddenName } from './json.ts';

/** The four scopes, from the one that all inherit from to the one that overrides all. */
export const ConfigScope = {
  GLOBAL: 'global',
  ORGANIZATION: 'org',
  TEAM: 'team',
  USER: 'user',
} as const;
export type ConfigScope = (typeof ConfigScope)[keyof typeof ConfigScope];

/** All scopes in the order of inheritance. */
export const scopes: readonly ConfigScope[] = ['global', 'org', 'team', 'user'];

/** One place in the scope tree. `scopeId` is the empty string at global, and only there. */
export interface ScopeRef {
  readonly scope: ConfigScope;
  readonly scopeId: string;
}

/** A scope as callers give it: without `scopeId` at global. */
export interface ScopeInput {
  readonly scope: ConfigScope;
  readonly scopeId?: string | null | undefined;
}

/** A scope to read at, with the parents to inherit from where they are not the registered ones. */
export interface ScopeContext extends ScopeInput {
  /** The org to inherit from; only for a team or user. */
  readonly organizationId?: string | undefined;
  /** The team to inherit from; only for a user. */
  readonly teamId?: string | undefined;
}

/** Where one layer is stored, within an environment. */
export interface Address extends ScopeRef {
  readonly key: string;
}

/** A registered link: `child` inherits from `parent`. */
export interface ScopeLink {
  readonly child: ScopeRef;
  readonly parent: ScopeRef;
  readonly primary: boolean;
}

export const globalScope: ScopeRef = Object.freeze({ scope: 'global', scopeId: '' });

const keyPattern = /^[A-Za-z0-9][A-Za-z0-9_.:/-]*$/;

/**
 * Checks a key.
 * @throws ConfigurationError `invalid_key`.
 */
export function parseKey(key: unknown): string {
  if (typeof key !== 'string') return refuseKey(describeInput(key), 'it is not a text');
  if (key.length === 0) return refuseKey('""', 'it is empty');
  if (key.length > 255) return refuseKey(`${key.slice(0, 40)}…`, `it has ${String(key.length)} characters`);
  if (!keyPattern.test(key)) return refuseKey(JSON.stringify(key), 'it has a character that is not allowed');
  for (const segment of key.split(/[.:/]/)) {
    if (isForbiddenName(segment)) return refuseKey(key, `${segment} is reserved`);
  }
  return key;
}

function refuseKey(key: string, problem: string): never {
  throw new ConfigurationError('invalid_key', { key, problem });
}

/**
 * Checks an id of an org, team, user, actor or environment: 1 to 255 characters, no control characters at all, well-formed.
 * @throws ConfigurationError `invalid_argument`.
 */
export function parseId(id: unknown, argument: string): string {
  const problem =
    typeof id !== 'string'
      ? `it must be a text, and is ${describeInput(id)}`
      : id.length === 0 || id.length > 255
        ? `it must have 1 to 255 characters, and has ${String(id.length)}`
        : // eslint-disable-next-line no-control-regex
          /[\u0000-\u001f\u007f-\u009f]/.test(id) || !id.isWellFormed()
          ? 'it contains a control character or half of a surrogate pair'
          : undefined;
  if (problem !== undefined) throw new ConfigurationError('invalid_argument', { argument, problem });
  return id as string;
}

/**
 * Checks a scope; absent means global.
 * @throws ConfigurationError `invalid_scope` for an unknown scope, a missing id, or an id at global.
 */
export function parseScope(input: ScopeInput | undefined): ScopeRef {
  if (input === undefined) return globalScope;
  if (typeof input !== 'object' || (input as unknown) === null) refuseScope('give it as { scope, scopeId }');
  const { scope } = input;
  const scopeId: unknown = input.scopeId ?? undefined;
  if (!scopes.includes(scope)) {
    refuseScope(`${describeInput(scope)} is none of ${scopes.join(', ')}`);
  }
  if (scope === 'global') {
    if (scopeId !== undefined && scopeId !== '') refuseScope('global takes no scopeId');
    return globalScope;
  }
  if (scopeId === undefined || scopeId === '') refuseScope(`the scope ${scope} needs a scopeId`);
  return { scope, scopeId: parseId(scopeId, 'scopeId') };
}

/** A checked scope to read at. */
export interface ScopeRequest extends ScopeRef {
  readonly organizationId?: string;
  readonly teamId?: string;
}

/**
 * Checks a scope to read at with its explicit parents.
 * @throws ConfigurationError `invalid_scope` also when a parent is given that the scope cannot have.
 */
export function parseScopeContext(input: ScopeContext | undefined): ScopeRequest {
  const { scope, scopeId } = parseScope(input);
  const organizationId = input?.organizationId;
  const teamId = input?.teamId;
  if (organizationId !== undefined && scope !== 'team' && scope !== 'user') {
    refuseScope(`organizationId has no meaning at scope ${scope}; give it for a team or user`);
  }
  if (teamId !== undefined && scope !== 'user') {
    refuseScope(`teamId has no meaning at scope ${scope}; give it for a user`);
  }
  return {
    scope,
    scopeId,
    ...(organizationId === undefined ? {} : { organizationId: parseId(organizationId, 'organizationId') }),
    ...(teamId === undefined ? {} : { teamId: parseId(teamId, 'teamId') }),
  };
}

function refuseScope(problem: string): never {
  throw new ConfigurationError('invalid_scope', { problem });
}

/** Writes a scope as people read it: `global`, `org acme`. */
export function formatScope({ scope, scopeId }: ScopeRef): string {
  return scope === 'global' ? 'global' : `${scope} ${scopeId}`;
}

/** Writes an address as people read it: `branding at org acme`. */
export function formatAddress(address: Address): string {
  return `${address.key} at ${formatScope(address)}`;
}

/** Whether two scopes are the same place. */
export function sameScope(a: ScopeRef, b: ScopeRef): boolean {
  return a.scope === b.scope && a.scopeId === b.scopeId;
}

/**
 * The chain of scopes that a read inherits along, from global down to the asked scope.
 * Explicit ids win over registered links; among several registered parents the primary one counts; a scope without either
 * inherits from global directly. A user's team that has no org of its own leaves the user's own org in place. With an explicit org,
 * registered parents that belong to another org do not count: values of two orgs never meet in one chain.
 * @param links the registered links whose child is the asked scope or a team that it inherits from or may inherit from; any other is
 *   ignored.
 */
export function resolveChain(request: ScopeRequest, links: readonly ScopeLink[]): readonly ScopeRef[] {
  const chain: ScopeRef[] = [globalScope];
  if (request.scope === 'global') return chain;
  const self: ScopeRef = { scope: request.scope, scopeId: request.scopeId };
  const team = request.scope === 'user' ? teamOf(request, linksWithin(request, links)) : undefined;
  const org = request.scope === 'org' ? undefined : organizationOf(request, team, links);
  if (org !== undefined) chain.push(org);
  if (team !== undefined) chain.push(team);
  chain.push(self);
  return chain;
}

/** The user's links, without those that lead into another org than the explicit one. */
function linksWithin({ organizationId, ...user }: ScopeRequest, links: readonly ScopeLink[]): readonly ScopeLink[] {
  const own = links.filter((link) => sameScope(link.child, user));
  if (organizationId === undefined) return own;
  return own.filter(({ parent }) => {
    const org = parent.scope === 'org' ? parent : parentOf(parent, 'org', links);
    return org === undefined || org.scopeId === organizationId;
  });
}

function teamOf(request: ScopeRequest, links: readonly ScopeLink[]): ScopeRef | undefined {
  if (request.teamId !== undefined) return { scope: 'team', scopeId: request.teamId };
  const primary = links.find((link) => link.primary)?.parent;
  if (primary?.scope === 'org') return undefined;
  return primary ?? parentOf(request, 'team', links);
}

function organizationOf(
  request: ScopeRequest,
  team: ScopeRef | undefined,
  links: readonly ScopeLink[],
): ScopeRef | undefined {
  if (request.organizationId !== undefined) return { scope: 'org', scopeId: request.organizationId };
  return (team && parentOf(team, 'org', links)) ?? parentOf(request, 'org', links);
}

/** The primary parent of a kind, else the first registered one. */
function parentOf(child: ScopeRef, scope: ConfigScope, links: readonly ScopeLink[]): ScopeRef | undefined {
  const parents = links.filter((link) => sameScope(link.child, child) && link.parent.scope === scope);
  return (parents.find((link) => link.primary) ?? parents[0])?.parent;
}

const parentScopes: Readonly<Record<ConfigScope, readonly ConfigScope[]>> = {
  global: [],
  org: ['global'],
  team: ['org'],
  user: ['team', 'org'],
};

/**
 * Checks that `parents` may be the parents of `child`.
 * @throws ConfigurationError `scope_cycle`, or `invalid_parent` for a parent of the wrong kind or a second parent of anything but a user.
 */
export function checkParents(child: ScopeRef, parents: readonly ScopeRef[]): void {
  for (const [index, parent] of parents.entries()) {
    if (sameScope(child, parent)) throw new ConfigurationError('scope_cycle', { scope: formatScope(child) });
    if (!parentScopes[child.scope].includes(parent.scope) || (index > 0 && child.scope !== 'user')) {
      throw new ConfigurationError('invalid_parent', { parent: formatScope(parent), scope: formatScope(child) });
    }
  }
}
