/** Owns what the demo is made of: steps, told as data, in the order in which they happened. */
import type { Definition, JsonObject, JsonValue, ScopeRef } from '@strata/service';

/** A step of the demo. */
export type DemoStep = ScopeStep | DefinitionStep | ValueStep | LockStep | TagStep;

/** A step that makes versions: what is found of these tells how far a store has come. */
export type ValueStep = CommitStep | RollbackStep;

interface Authored {
  /** The user who does it. */
  readonly by: string;
  readonly comment: string;
}

/** Registers a scope. Its first parent is the one that it inherits from. */
export interface ScopeStep extends ScopeRef {
  readonly kind: 'scope';
  readonly name: string;
  readonly parents: readonly ScopeRef[];
  readonly by: string;
}

/** Gives a key a definition. */
export interface DefinitionStep extends Authored {
  readonly kind: 'definition';
  readonly key: string;
  readonly jsonSchema: JsonObject;
  readonly definition: Omit<Definition, 'jsonSchema' | 'code'>;
}

/** One layer that a commit changes; without a value it is deleted. */
export interface DemoChange {
  readonly key: string;
  readonly at: ScopeRef;
  readonly value?: JsonValue;
}

/** One atomic change of one or many layers. */
export interface CommitStep extends Authored {
  readonly kind: 'commit';
  readonly changes: readonly DemoChange[];
}

/** Takes the last change of a layer back. */
export interface RollbackStep extends Authored {
  readonly kind: 'rollback';
  readonly key: string;
  readonly at: ScopeRef;
}

/** Locks a part of a key for all scopes below. */
export interface LockStep extends Authored {
  readonly kind: 'lock';
  readonly key: string;
  readonly at: ScopeRef;
  readonly path: string;
}

/** Marks the versions that some layers have at this point. */
export interface TagStep extends Authored {
  readonly kind: 'tag';
  readonly tag: string;
  readonly layers: readonly { readonly key: string; readonly at: ScopeRef }[];
}

/** The layers that a step makes versions of, with what it puts there. */
export function changesOf(step: ValueStep): readonly DemoChange[] {
  return step.kind === 'commit' ? step.changes : [{ key: step.key, at: step.at }];
}

/** Whether a step makes versions. */
export function isValueStep(step: DemoStep): step is ValueStep {
  return step.kind === 'commit' || step.kind === 'rollback';
}

/** The keys that the demo writes. */
export function keysOf(story: readonly DemoStep[]): ReadonlySet<string> {
  return new Set(story.filter(isValueStep).flatMap((step) => changesOf(step).map(({ key }) => key)));
}
