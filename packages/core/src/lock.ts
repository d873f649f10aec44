/** Owns locks: what a scope forbids the scopes below it to change. */
import type { MergeStrategy } from './definition.ts';
import type { JsonValue } from './json.ts';
import { candidateAt } from './merge.ts';
import type { Path } from './path.ts';
import type { Address } from './scope.ts';

/** A lock in force. It binds the scopes below its address, never its own. */
export interface Lock extends Address {
  /** The part of the value that is locked; empty for all of it. */
  readonly path: Path;
  /** The version that the locking scope had when it locked, shown short; `null` if it had no value. */
  readonly version: string | null;
  readonly revision: number;
  readonly lockedBy: string;
  readonly lockedAt: Date;
  readonly comment: string | null;
}

/**
 * Whether a layer below says anything about a locked part: at the path itself, inside it, or by replacing or removing what
 * holds it. An absent layer says nothing; with `replace` any layer replaces all.
 */
export function touches(layer: JsonValue | undefined, path: Path, strategy: MergeStrategy): boolean {
  if (layer === undefined) return false;
  return strategy === 'replace' || candidateAt(layer, path) !== undefined;
}
