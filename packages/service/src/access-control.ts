/** Owns the answer to who may do what: by the roles and bindings of the store, and by the host's hook. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  builtInRoles,
  grantsOf,
  isGranted,
  isGrantedForSome,
  type Grant,
  type Permission,
  type ScopeRef,
} from '@strata/core';
import { systemActor, type Actor } from './actor.ts';
import { AuthorizeHook, refused, toResource, type Answer, type Authorize, type Claim } from './authorize.ts';
import type { Sql } from './db/database.ts';
import type { Progress } from './store/counter.ts';
import { readBindings, readRoles, type StoredBinding, type StoredRole } from './store/roles.ts';

/** All roles and bindings at one revision. */
export interface AccessRules {
  readonly rulesRevision: number;
  readonly roles: readonly StoredRole[];
  readonly bindings: readonly StoredBinding[];
}

/** Whether a claim is about one thing, or about a list of which each entry is asked about by itself. */
export type ClaimKind = 'one' | 'list';

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
  readonly #hook: AuthorizeHook;
  /** The rules that were loaded last, and the newest revision at which they were seen to hold. */
  #loaded: AccessRules | undefined;
  #seen = -1;
  /** The newest revision at which they may have changed, as far as is known here. */
  #changed = 0;
  /** Whether every later change will be known here. */
  #isFollowing = false;
  /** The loaded rules while they are known to hold. */
  #current: AccessRules | undefined;
  #isOpen = false;
  readonly #asked = new Set<Promise<void>>();
  readonly #grants = new WeakMap<Actor, { readonly rules: AccessRules; readonly grants: readonly Grant[] }>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#hook = new AuthorizeHook(options.authorize, options.timeoutMs);
  }

  /** The same hook with the roles and bindings of another environment, which are read anew each time. */
  inEnvironment(environment: string): AccessControl {
    return new AccessControl({ ...this.#options, environment, isFollowed: false });
  }

  /** Whether it is known that nobody is asked. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether there is a hook. */
  get hasHook(): boolean {
    return this.#hook.isThere;
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
    const rules = await this.load(sql, rulesRevision);
    // What was read earlier and arrives later does not take the place of what is newer.
    if ((this.#loaded?.rulesRevision ?? -1) < rulesRevision) {
      this.#loaded = rules;
      this.#seen = revision;
      this.#settle();
    }
    return rules;
  }

  /** The rules of a revision, which are not remembered: they may be those of a transaction that comes to nothing. */
  async load(sql: Sql, rulesRevision: number): Promise<AccessRules> {
    const { environment } = this.#options;
    const roles = await readRoles(sql, environment, rulesRevision);
    return { rulesRevision, roles, bindings: await readBindings(sql, environment, rulesRevision) };
  }

  /** Notes that the feed tells of all changes after a revision. */
  follow(revision: number): void {
    this.#isFollowing = this.#options.isFollowed;
    this.changed(revision);
  }

  /** Notes that roles or bindings may have changed up to a revision. */
  changed(revision: number): void {
    this.#changed = Math.max(this.#changed, revision);
    this.#settle();
  }

  /** Forgets everything: the store is another one than before. */
  reset(revision: number): void {
    this.#loaded = undefined;
    this.#seen = -1;
    this.#changed = revision;
    this.#settle();
  }

  #settle(): void {
    const holds = this.#isFollowing && this.#seen >= this.#changed;
    this.#current = holds ? this.#loaded : undefined;
    this.#isOpen = !this.#hook.isThere && this.#current?.bindings.length === 0;
  }

  /** Lets `idle` wait for a question. */
  track<T>(question: Promise<T>): Promise<T> {
    const settled = question.then(
      () => undefined,
      () => undefined,
    );
    this.#asked.add(settled);
    void settled.then(() => this.#asked.delete(settled));
    return question;
  }

  /** Resolves once every question has been answered, and whoever asked has gone on. */
  async idle(): Promise<void> {
    while (this.#asked.size > 0) {
      await Promise.all(this.#asked);
      await nextTurn();
    }
  }

  /** Whether under these rules an actor need not be asked about anything. */
  isUnasked({ bindings }: AccessRules, actor: Actor): boolean {
    return !this.#hook.isThere && (bindings.length === 0 || actor === systemActor);
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
      if (!this.isAllowedByBindings(rules, actor, 'read', claims, 'one')) return refused;
      guarded.permitted = actor;
      guarded.permittedBy = rules;
    }
    return this.#hook.ask(actor, 'read', claims);
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
    return claims.length > 0 && this.isAllowedByBindings(rules, actor, action, claims, kind)
      ? this.#hook.ask(actor, action, claims)
      : refused;
  }

  /** Whether the bindings alone allow all claims. */
  isAllowedByBindings(
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

  /** Whether bindings allow an actor something at any scope, for a key where one is given. */
  isPossible(rules: AccessRules, actor: Actor, action: Permission, key: string | undefined): boolean {
    if (rules.bindings.length === 0 || actor === systemActor) return true;
    return this.grants(rules, actor).some(
      ({ isDenial, permissions, matches }) =>
        !isDenial && permissions.has(action) && (key === undefined || matches(key)),
    );
  }

  /** Whether the hook alone allows it; it does where there is none. */
  ask(actor: Actor, action: Permission, claims: readonly Claim[]): Answer | Promise<Answer> {
    return this.#hook.ask(actor, action, claims);
  }
}

/** The names of all roles, the built-in ones included. */
export function roleNames({ roles }: AccessRules): readonly string[] {
  return [...builtInRoles, ...roles].map(({ name }) => name);
}
