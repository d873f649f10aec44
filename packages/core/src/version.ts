/** Owns versions: their record, the text that names them, and the references by which callers mean one. */
import { canonicalJson } from './canonical.ts';
import { ConfigurationError, describeInput } from './errors.ts';
import type { ImpactLevel } from './impact.ts';
import { parseInstant } from './instant.ts';
import type { JsonValue } from './json.ts';
import type { Address, ConfigScope } from './scope.ts';

/** What a version did to its address. */
export type VersionOperation = 'set' | 'delete' | 'rollback';

/** One address changed by one commit. */
export interface ConfigVersion<T = JsonValue> {
  /** The first 16 hex digits of the version's hash. */
  readonly version: string;
  readonly key: string;
  readonly scope: ConfigScope;
  /** `null` at global. */
  readonly scopeId: string | null;
  /** `rollback` when an earlier value was put back; `delete` when the layer was removed (by a rollback too). */
  readonly operation: VersionOperation;
  /** The layer's value; `null` after a delete. */
  readonly value: T;
  readonly changedBy: string;
  /** The database's time, to the millisecond; it never decreases from one revision to the next. */
  readonly changedAt: Date;
  readonly comment: string | null;
  readonly impactLevel: ImpactLevel;
  readonly tags: readonly string[];
  readonly isRollback: boolean;
  /** The version that a rollback put back. */
  readonly rollbackFromVersion?: string;
  /** The version of the same address before this one. */
  readonly parent: string | null;
  /** The place of its commit in the one total order of all commits. */
  readonly revision: number;
  /** The id of its commit. */
  readonly commit: string;
  /** The change request that it was applied by; absent where it needed none. */
  readonly changeRequestId?: string;
  /** When this layer removes itself. */
  readonly expiresAt?: Date;
}

/** What a version's hash is taken over. */
export interface VersionContent {
  readonly parent: string | null;
  readonly environment: string;
  readonly address: Address;
  /** SHA-256 (hex) of the canonical JSON of the value, for one with secrets its HMAC; `null` for a delete. */
  readonly valueDigest: string | null;
  readonly operation: VersionOperation;
  readonly actor: string;
  readonly comment: string | null;
  readonly commit: string;
}

/** The text whose SHA-256 (hex) names a version. */
export function versionText(content: VersionContent): string {
  const { address } = content;
  return canonicalJson([
    content.parent,
    content.environment,
    address.key,
    address.scope,
    address.scopeId,
    content.valueDigest,
    content.operation,
    content.actor,
    content.comment,
    content.commit,
  ]);
}

/** How many digits of a hash are shown. */
export const versionDigits = 16;

/** The short form under which a version is shown. */
export function shortVersion(hash: string): string {
  return hash.slice(0, versionDigits);
}

/** What a caller meant by a version. */
export type VersionReference =
  | { readonly kind: 'hash'; readonly prefix: string }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'head'; readonly back: number }
  | { readonly kind: 'time'; readonly at: Date };

/**
 * Reads a reference: 4 to 64 hex digits, `HEAD`, `HEAD~2`, `@<ISO time>`; any other text is a tag.
 * @throws ConfigurationError `invalid_version`.
 */
export function parseVersionReference(input: unknown): VersionReference {
  if (typeof input !== 'string') return refuseVersion(input, 'it is not a text');
  if (input === '') return refuseVersion(input, 'it is empty');
  const head = /^HEAD(?:~([0-9]{1,6}))?$/.exec(input);
  if (head !== null) return { kind: 'head', back: Number(head[1] ?? 0) };
  if (input.startsWith('@')) return { kind: 'time', at: parseTime(input) };
  if (/^[0-9a-f]{4,64}$/i.test(input)) return { kind: 'hash', prefix: input.toLowerCase() };
  if (/^[0-9a-f]{1,3}$/i.test(input)) return refuseVersion(input, 'it has fewer than 4 digits');
  if (!tagPattern.test(input)) return refuseVersion(input, 'it is neither a hash nor a possible tag');
  return { kind: 'tag', tag: input };
}

function parseTime(input: string): Date {
  const at = parseInstant(input.slice(1));
  return at === undefined
    ? refuseVersion(input, 'the time is not ISO 8601 with a zone, like @2026-01-31T12:00:00Z')
    : new Date(at);
}

function refuseVersion(version: unknown, problem: string): never {
  throw new ConfigurationError('invalid_version', { version: describeInput(version), problem });
}

const tagPattern = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,254}$/;

/**
 * Checks the name of a tag: the characters of a key, and nothing that could be taken for another kind of reference.
 * @throws ConfigurationError `invalid_tag`.
 */
export function parseTag(input: unknown): string {
  if (typeof input !== 'string' || !tagPattern.test(input)) {
    return refuseTag(
      input,
      'a tag has 1 to 255 characters, starts with a letter or digit and goes on with letters, digits and _ . : / -',
    );
  }
  if (/^[0-9a-f]{1,64}$/i.test(input)) return refuseTag(input, 'it looks like the hash of a version');
  if (/^HEAD(~[0-9]*)?$/i.test(input)) return refuseTag(input, 'HEAD means the current version');
  return input;
}

function refuseTag(tag: unknown, problem: string): never {
  throw new ConfigurationError('invalid_tag', { tag: describeInput(tag), problem });
}

/**
 * Checks the hash of a version where no key narrows it down: 12 or more hex digits.
 * @throws ConfigurationError `invalid_version`.
 */
export function parseLongHash(input: unknown): string {
  if (typeof input !== 'string' || !/^[0-9a-f]{12,64}$/i.test(input)) {
    return refuseVersion(input, 'without a key it takes 12 or more digits of a hash');
  }
  return input.toLowerCase();
}
