/** Owns definitions: what is known of a key besides its values. */
import type { ImpactLevel } from './impact.ts';
import type { JsonObject } from './json.ts';
import type { ConfigScope } from './scope.ts';

/** How layers of a key combine: property by property, or the lowest layer that is set as a whole. */
export type MergeStrategy = 'deep' | 'replace';

/** What is known of a key. Every part is optional; a key without a definition takes any JSON value at any scope. */
export interface Definition {
  readonly description?: string;
  /** JSON Schema 2020-12 of a whole value. */
  readonly jsonSchema?: JsonObject;
  /** Whether the schema also has rules that exist only as code (a Zod refinement). */
  readonly code?: boolean;
  /** What a process does that does not hold that code: refuse to write the key (default), or write it unchecked by the code. */
  readonly withoutCode?: 'refuse' | 'accept';
  /** Default: `deep`. */
  readonly merge?: MergeStrategy;
  /** The scopes at which the key may be set. Default: all. */
  readonly allowedScopes?: readonly ConfigScope[];
  /** The impact of a change of this key before its size and scope are looked at. Default: `low`. */
  readonly baseImpact?: ImpactLevel;
  /** Whether the whole value is a secret. Default: false. */
  readonly sensitive?: boolean;
}
