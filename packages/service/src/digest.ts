/** Owns the one digest that versions and requests are named by: SHA-256, as lower-case hex. */
import { createHash } from 'node:crypto';
import { canonicalJson, versionText, type JsonValue, type VersionContent } from '@strata/core';

/** SHA-256 of a text in UTF-8, as hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The digest of a value: equal for equal values, whatever the order of their properties. */
export function digestOf(value: JsonValue): string {
  return sha256(canonicalJson(value));
}

/** The full hash that names a version. */
export function hashVersion(content: VersionContent): string {
  return sha256(versionText(content));
}
