/** Owns the question to the host's own authorization: the hook `authorize`, of which only `true` allows. */
import { describeInput, type ConfigScope, type Permission, type ScopeRef } from '@strata/core';
import type { Actor } from './actor.ts';
import { within } from './db/deadline.ts';

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
export type Authorize = (actor: Actor, action: Permission, resource: AccessResource) => boolean | PromiseLike<boolean>;

/** One thing that an actor has to be permitted. */
export interface Claim {
  /** From global down to the scope. */
  readonly chain: readonly ScopeRef[];
  /** The same for the hook. */
  readonly resource: AccessResource;
}

/** An answer: allowed, or refused, by whatever cause. */
export type Answer = true | Refused;

/** A refusal. */
export interface Refused {
  /** What the hook threw or answered instead; absent where it said no, or where no role allows it. */
  readonly cause?: unknown;
}

/** The refusal that needs no explanation. */
export const refused: Refused = Object.freeze({});

/** Whether a refusal is for want of a sound answer rather than of a permission. */
export function isFault(answer: Answer): boolean {
  return answer !== true && answer.cause !== undefined;
}

/** Asks the hook. Where there is none, it allows everything. */
export class AuthorizeHook {
  readonly #authorize: Authorize | undefined;
  readonly #timeoutMs: number;

  /** @param timeoutMs how long an answer may take. */
  constructor(authorize: Authorize | undefined, timeoutMs: number) {
    this.#authorize = authorize;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether there is one. */
  get isThere(): boolean {
    return this.#authorize !== undefined;
  }

  /** Asks about one claim after the other, from `first` on, until one is refused. Where the hook answers at once, so does this. */
  ask(actor: Actor, action: Permission, claims: readonly Claim[], first = 0): Answer | Promise<Answer> {
    const authorize = this.#authorize;
    if (authorize === undefined) return true;
    for (let index = first; index < claims.length; index += 1) {
      const resource = claims[index]?.resource;
      if (resource === undefined) return refused;
      const answer = this.#call(authorize, actor, action, resource);
      if (answer instanceof Promise) {
        return answer.then((later) => (later === true ? this.ask(actor, action, claims, index + 1) : later));
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
    const timeoutMs = this.#timeoutMs;
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

/** What the hook is told of something at the end of a chain. */
export function toResource(key: string | undefined, chain: readonly ScopeRef[], environment: string): AccessResource {
  const { scope, scopeId } = chain[chain.length - 1] ?? { scope: 'global', scopeId: '' };
  const above = (level: ConfigScope): string | undefined =>
    chain.slice(0, -1).find((one) => one.scope === level)?.scopeId;
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
