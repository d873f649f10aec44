/** Owns how a request that is not of values is decided on again when it was approved: by the plan of the call that asked for it. */
import type { JsonValue } from '@strata/core';
import type { Actor } from './actor.ts';
import type { GatedPlan } from './change-request-filing.ts';
import type { Context } from './context.ts';
import { planDependency } from './dependencies.ts';
import { planDefinition } from './key-definitions.ts';
import { planLock, planUnlock } from './locks.ts';
import { planPolicy } from './policies.ts';
import { planBinding } from './role-bindings.ts';
import { planRole } from './roles.ts';
import { planSchema } from './schemas.ts';
import { planScope, planScopeRemoval } from './scopes.ts';
import type { CommitOperation } from './store/commits.ts';
import type { Progress } from './store/counter.ts';
import { planTag } from './tags.ts';

type Replay = (
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
) => Promise<GatedPlan<unknown>>;

/** The plan of each operation, from what it was called with. */
export const operations: Readonly<Record<Exclude<CommitOperation, 'change'>, Replay>> = {
  lock: planLock,
  unlock: planUnlock,
  tag: planTag,
  schema: planSchema,
  scope: planScope,
  'scope-removal': planScopeRemoval,
  policy: planPolicy,
  role: planRole,
  binding: planBinding,
  definition: planDefinition,
  dependency: planDependency,
};
