/** Owns the answer to who may do what: by the roles and bindings of the store, and by the host's hook. */
import {
  builtInRoles,
  describeInput,
  grantsOf,
  isGranted,
  isGrantedForSome,
  type ConfigScope,
  type Grant,
  type Permission,
  type ScopeRef,
} from '@strata/core';
import { systemActor, type Actor } from './actor.ts';
import type { Sql } from './db/database.ts';
import { within } from './db/deadline.ts';
import type { Progress } from './store/counter.ts';
import { readBindings, readRoles, type StoredBinding, type StoredRole } from './store/roles.ts';

/** What somebody wants to act on, as the hook is told. */
export interface AccessResource {
  /** Absent for what is about no key (a scope, a role), and for the question about a list, of which each entry is then asked about. */
  readonly key?: string;
  readonly scope: ConfigScope;
  /** `null` at global. */
  readonly scopeId: string | null;
  /** The org that a team or user inherits from, where there is one. */
  readonly organizationId?: string;
  /** The team that a user inherits from, where there is one. */
  readonly teamId?: string;
  readonly environment: string;
}

/** Decides on one operation. Only `true`, or a promise of it, allows; nothing else does, nor an error. */
export type Authorize = (
  actor: Actor,
  action: Permission,
  resource: AccessResource,
) => boolean | PromiseLike<boolean>;

/** All roles and bindings at one revision. */
export interface AccessRules {
  readonly rulesRevision: number;
  readonly roles: readonly StoredRole[];
  readonly bindings: readonly StoredBinding[];
}

/** One thing that an actor has to be permitted. */
export interface Claim {
  /** From global down to the scope. */
  readonly chain: readonly ScopeRef[];
  /** The same for the hook. */
  readonly resource: AccessResource;
}

/** Whether a claim is about one thing, or about a list of which each entry is asked about by itself. */
export type ClaimKind = 'one' | 'list';

/** An answer: allowed, or refused, by whatever cause. */
export type Answer = true | Refused;

/** A refusal. */
export interface Refused {
  /** What the hook threw or answered instead; absent where it said no, or where no role allows it. */
  readonly cause?: unknown;
}

const refused: Refused = Object.freeze({});

/** Something that was read for all and is served to whoever may read it. */
export interface Guarded {
  readonly key: string;
  /** The chains on all of which a reader has to be permitted; undefined where they are not known. */
  readonly authority: readonly (readonly ScopeRef[])[] | undefined;
  /** The same as claims, made when they are first asked about. */
  claims: readonly Claim[] | undefined;
  /** Who was permitted last by bindings, and by which. */
  permitted: Actor | undefined;
  permittedBy: AccessRules | undefined;
}

/** What access control is made of. */
export interface AccessOptions {
  readonly environment: string;
  readonly authorize: Authorize | undefined;
  /** How long the hook may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the feed tells of every change, so that what is remembered can be relied on. */
  readonly isFollowed: boolean;
}

/**
 * Decides by hook and bindings. Nobody is asked where there is neither. Bindings do not bind `system`: what the process does
 * by itself, and calls that carry no user; the hook is asked about it like about anyone.
 */
export class AccessControl {
  readonly #options: AccessOptions;
  /** The rules that were loaded last, and the newest revision at which they were seen to hold. */
  #loaded: AccessRules | undefined;
  #seen = -1;
  /** The newest revision at which they may have changed; none before the feed follows. */
  #changed: number | undefined;
  /** The loaded rules while they are known to hold. */
  #current: AccessRules | undefined;
  #isOpen = false;
  readonly #grants = new WeakMap<Actor, { readonly rules: AccessRules; readonly grants: readonly Grant[] }>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether it is known that nobody is asked. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether there is a hook. */
  get hasHook(): boolean {
    return this.#options.authorize !== undefined;
  }

  /** The rules, where they are known to hold now; else they have to be loaded. */
  get current(): AccessRules | undefined {
    return this.#current;
  }

  /** The rules of the revision that `progress` names. */
  async at(sql: Sql, { revision, rulesRevision }: Pick<Progress, 'revision' | 'rulesRevision'>): Promise<AccessRules> {
    const loaded = this.#loaded;
    if (loaded?.rulesRevision === rulesRevision) {
      this.#seen = Math.max(this.#seen, revision);
      this.#settle();
      return loaded;
    }
    const { environment } = this.#options;
    const roles = await readRoles(sql, environment, rulesRevision);
    const bindings = await readBindings(sql, environment, rulesRevision);
    const rules: AccessRules = { rulesRevision, roles, bindings };
    // What was read earlier and arrives later does not take the place of what is newer.
    if ((this.#loaded?.rulesRevision ?? -1) < rulesRevision) {
      this.#loaded = rules;
      this.#seen = revision;
      this.#settle();
    }
    return rules;
  }

  /** Notes that the feed tells of all changes after a revision. */
  follow(revision: number): void {
    if (this.#options.isFollowed) this.#changed ??= 0;
    this.changed(revision);
  }

  /** Notes that roles or bindings may have changed up to a revision. */
  changed(revision: number): void {
    if (this.#changed === undefined) return;
    this.#changed = Math.max(this.#changed, revision);
    this.#settle();
  }

  /** Forgets everything: the store is another one than before. */
  reset(revision: number): void {
    this.#loaded = undefined;
    this.#seen = -1;
    if (this.#changed !== undefined) this.#changed = revision;
    this.#settle();
  }

  #settle(): void {
    const holds = this.#changed !== undefined && this.#seen >= this.#changed;
    this.#current = holds ? this.#loaded : undefined;
    this.#isOpen = this.#options.authorize === undefined && this.#current?.bindings.length === 0;
  }

  /** Whether under these rules an actor need not be asked about anything. */
  isUnasked({ bindings }: AccessRules, actor: Actor): boolean {
    return this.#options.authorize === undefined && (bindings.length === 0 || actor === systemActor);
  }

  /** The claims of an actor on something at the end of each of some chains. */
  claims(key: string | undefined, chains: readonly (readonly ScopeRef[])[]): readonly Claim[] {
    return chains.map((chain) => ({ chain, resource: toResource(key, chain, this.#options.environment) }));
  }

  /**
   * Whether an actor may read what is in memory; undefined where that takes more than is known here. Where the hook answers at once, so
   * does this.
   */
  answerFor(actor: Actor, guarded: Guarded): Answer | Promise<Answer> | undefined {
    if (this.#isOpen) return true;
    const rules = this.#current;
    const claims = guarded.claims ?? this.#claim(guarded);
    if (rules === undefined || claims === undefined) return undefined;
    if (!(guarded.permitted === actor && guarded.permittedBy === rules)) {
      if (!this.#isBound(rules, actor, 'read', claims, 'one')) return refused;
      guarded.permitted = actor;
      guarded.permittedBy = rules;
    }
    return this.#ask(actor, 'read', claims, 0);
  }

  #claim(guarded: Guarded): readonly Claim[] | undefined {
    if (guarded.authority === undefined) return undefined;
    return (guarded.claims = this.claims(guarded.key, guarded.authority));
  }

  /** Whether an actor may do something: all claims have to hold, by the bindings and by the hook. */
  decide(
    rules: AccessRules,
    actor: Actor,
    action: Permission,
    claims: readonly Claim[],
    kind: ClaimKind = 'one',
  ): Answer | Promise<Answer> {
    return this.#isBound(rules, actor, action, claims, kind) ? this.#ask(actor, action, claims, 0) : refused;
  }

  #isBound(
    rules: AccessRules,
    actor: Actor,
    action: Permission,
    claims: readonly Claim[],
    kind: ClaimKind,
  ): boolean {
    if (rules.bindings.length === 0 || actor === systemActor) return true;
    const grants = this.grants(rules, actor);
    for (const { chain, resource } of claims) {
      const holds =
        kind === 'list' && resource.key === undefined
          ? isGrantedForSome(grants, action, chain)
          : isGranted(grants, action, { key: resource.key, chain });
      if (!holds) return false;
    }
    return true;
  }

  /** What the bindings of an actor mean. */
  grants(rules: AccessRules, actor: Actor): readonly Grant[] {
    const held = this.#grants.get(actor);
    if (held?.rules === rules) return held.grants;
    const grants = grantsOf(rules.bindings, rules.roles, actor);
    this.#grants.set(actor, { rules, grants });
    return grants;
  }

  /**
   * The scopes at and below which bindings may allow an actor something, for a key where one is given; undefined where that is
   * everywhere.
   */
  roots(rules: AccessRules, actor: Actor, action: Permission, key: string | undefined): readonly ScopeRef[] | undefined {
    if (rules.bindings.length === 0 || actor === systemActor) return undefined;
    const roots = this.grants(rules, actor)
      .filter(({ isDenial, permissions }) => !isDenial && permissions.has(action))
      .filter(({ matches }) => key === undefined || matches(key))
      .map(({ scope }) => scope);
    return roots.some(({ scope }) => scope === 'global') ? undefined : roots;
  }

  /** Whether the hook alone allows it; it does where there is none. */
  ask(actor: Actor, action: Permission, claims: readonly Claim[]): Answer | Promise<Answer> {
    return this.#ask(actor, action, claims, 0);
  }

  /** Asks the hook about one claim after the other, from `first` on, until one is refused. */
  #ask(actor: Actor, action: Permission, claims: readonly Claim[], first: number): Answer | Promise<Answer> {
    const { authorize } = this.#options;
    if (authorize === undefined) return true;
    for (let index = first; index < claims.length; index += 1) {
      const resource = claims[index]?.resource;
      if (resource === undefined) return refused;
      const answer = this.#call(authorize, actor, action, resource);
      if (answer instanceof Promise) {
        return answer.then((later) => (later === true ? this.#ask(actor, action, claims, index + 1) : later));
      }
      if (answer !== true) return answer;
    }
    return true;
  }

  // A hook that answers at once costs no promise: every read of a cached value waits for it.
  #call(authorize: Authorize, actor: Actor, action: Permission, resource: AccessResource): Answer | Promise<Answer> {
    let answer: unknown;
    try {
      answer = authorize(actor, action, resource);
      if (answer === true) return true;
      if (!isThenable(answer)) return verdictOf(answer);
    } catch (cause) {
      return { cause };
    }
    const { timeoutMs } = this.#options;
    const late = (): Error => new Error(`authorize did not answer within ${String(timeoutMs)} ms`);
    return within(Promise.resolve(answer), timeoutMs, late).then(verdictOf, (cause: unknown) => ({ cause }));
  }
}

function verdictOf(answer: unknown): Answer {
  if (answer === true) return true;
  if (answer === false) return refused;
  return { cause: new TypeError(`authorize answered ${describeInput(answer)}, and only true allows`) };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function toResource(key: string | undefined, chain: readonly ScopeRef[], environment: string): AccessResource {
  const { scope, scopeId } = chain[chain.length - 1] ?? { scope: 'global', scopeId: '' };
  const above = (level: ConfigScope): string | undefined => chain.slice(0, -1).find((one) => one.scope === level)?.scopeId;
  const organizationId = above('org');
  const teamId = above('team');
  return Object.freeze({
    ...(key === undefined ? {} : { key }),
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    ...(organizationId === undefined ? {} : { organizationId }),
    ...(teamId === undefined ? {} : { teamId }),
    environment,
  });
}

/** The names of all roles, the built-in ones included. */
export function roleNames({ roles }: AccessRules): readonly string[] {
  return [...builtInRoles, ...roles].map(({ name }) => name);
}
