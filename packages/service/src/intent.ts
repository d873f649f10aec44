/** Owns what a write of values is while it is on its way: what is asked for, what was decided, what became of it. */
import type { Actor } from './actor.ts';
import type { BrokenLayer } from './validation.ts';
import { type Head } from './store/settings.ts';
import type { NewCommit, NewVersion, SeenHead } from './store/write.ts';
import { collectionOf, type Address, type JsonValue, type Path, type Permission, type Requirement } from '@strata/core';

/** One change of one address that a caller asks for. */
export interface ValueChange extends Address {
  /** The new layer; undefined to remove it. */
  readonly value: JsonValue | undefined;
  readonly expected?: Expectation | undefined;
  readonly expiresAt?: Date | undefined;
  /** The full hash of the version that is put back. */
  readonly rollbackFrom?: string | undefined;
  /** Whether removing what is not there is a refusal rather than no change. */
  readonly mustExist?: boolean;
  /** Parts that were stored as secrets where the value comes from, and stay so whatever the definition says by now. */
  readonly secrets?: readonly Path[] | undefined;
}

/** The permission that a change takes. */
export function actionOf({ key, value }: Pick<ValueChange, 'key' | 'value'>): Permission {
  if (collectionOf(key) !== undefined) return 'flags';
  return value === undefined ? 'delete' : 'write';
}

/** The head that a caller says to have seen. */
export interface Expectation {
  /** As the caller wrote it. */
  readonly text: string;
  /** The beginning of the hash; null for "no value". */
  readonly prefix: string | null;
}

/** A commit of value changes that waits for its decision. */
export interface Intent {
  readonly commit: NewCommit;
  /** What a repeated call is known by, of which `commit.requestDigest` is the digest. */
  readonly words: JsonValue;
  /** Who asks, with his roles. */
  readonly actor: Actor;
  readonly changes: readonly ValueChange[];
  /** Whether it goes ahead although values below become invalid. */
  readonly force: boolean;
  /**
   * What happens where it needs approvals. `refuse`: it is not accepted. `report`: the decision says so, and is not written. `pass`: it has
   * them, or needs none whatever the policies say.
   */
  readonly gate: 'refuse' | 'report' | 'pass';
}

/** What was decided on one change: a new version, or that the head already is what was asked for. */
export type Outcome =
  | { readonly kind: 'unchanged'; readonly head: Head }
  | {
      readonly kind: 'version';
      readonly version: Omit<NewVersion, 'commit'>;
      /** In the clear. */
      readonly value: JsonValue | undefined;
      /** Where its secrets are. */
      readonly secrets: readonly Path[];
    };

/** An accepted intent. */
export interface Decision {
  readonly outcomes: readonly Outcome[];
  /** The heads that it relied on. */
  readonly seen: readonly SeenHead[];
  /** Keys of which no layer may have changed since the revision given. */
  readonly quiet: ReadonlyMap<string, number>;
  /** What it breaks below and was forced to. */
  readonly broken: readonly BrokenLayer[];
  /** The approvals that it needs, or would. */
  readonly requires: Requirement | undefined;
}

/** What became of an intent. */
export interface Settled {
  readonly commit:
    | {
        readonly id: string;
        readonly revision: number;
        readonly actor: string;
        readonly comment: string | null;
        readonly at: Date;
      }
    | undefined;
  /** For each change the full hash of the version that its address now has. */
  readonly hashes: readonly string[];
  /** The versions that the commit made; absent where an earlier call with the same idempotency key had made it. */
  readonly decision: Decision | undefined;
}
