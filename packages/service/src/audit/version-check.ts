/** Owns the comparison of the audit log with what it is about: versions are what their hashes say, current values are theirs, and all is recorded. */
import { formatAddress, isConfigurationError, readJson, type JsonValue } from '@strata/core';
import { digestOf, hashVersion } from '../digest.ts';
import { readHashedVersions, readUnrecorded, readWrongHeads, type HashedVersion } from '../store/audit-checks.ts';
import type { Verifying } from './checkpoint-check.ts';

const pageSize = 2000;

/**
 * Checks versions, current values and that each commit is recorded; answers how many versions there are.
 * @param removed the newest revision of which rows were removed from the log.
 */
export async function verifyVersions(at: Verifying, removed: number): Promise<number> {
  const { sql, environment, findings } = at;
  let count = 0;
  let last: Pick<HashedVersion, 'revision' | 'hash'> = { revision: 0, hash: '' };
  for (let isMore = true; isMore;) {
    const page = await readHashedVersions(sql, environment, last, pageSize);
    isMore = page.length === pageSize;
    for (const version of page) {
      const problem = await problemOf(at, version);
      const { hash } = version;
      if (problem !== undefined) {
        const message = `The version ${hash.slice(0, 16)} of ${formatAddress(version)} ${problem}.`;
        findings.add({ kind: 'version_changed', version: hash, message });
      }
      last = version;
    }
    count += page.length;
  }
  for (const { version, ...address } of await readWrongHeads(sql, environment, pageSize)) {
    const message = `The current value of ${formatAddress(address)} is not that of its newest version.`;
    findings.add({ kind: 'value_changed', ...(version === null ? {} : { version }), message });
  }
  for (const { revision, operation, key, version } of await readUnrecorded(sql, environment, removed, pageSize)) {
    const what = `${operation}${key === null ? '' : ` of ${key}`}`;
    const message = `No row of the log is about the ${what} of revision ${String(revision)}, with its actor and time.`;
    findings.add({ kind: 'version_unrecorded', ...(version === null ? {} : { version }), message });
  }
  return count;
}

async function problemOf(at: Verifying, version: HashedVersion): Promise<string | undefined> {
  const { hash, key, scope, scopeId, parent, operation, value, actor, comment, commit, before } = version;
  if (actor === null) return 'has lost its commit';
  if (parent !== before) return 'is not linked to the one before it';
  const content = {
    parent,
    environment: at.environment,
    address: { key, scope, scopeId },
    operation,
    actor,
    comment,
    commit,
  };
  try {
    const valueDigest = value === null ? null : await digestIn(at, version, readJson(value));
    return hashVersion({ ...content, valueDigest }) === hash ? undefined : 'is not what its hash says';
  } catch (error) {
    if (isConfigurationError(error, 'secret_damaged')) return 'holds a secret that does not open';
    throw error;
  }
}

/** What stands for a value in the hash of its version. */
async function digestIn({ sql, vault }: Verifying, version: HashedVersion, stored: JsonValue): Promise<string> {
  const { value, secrets } = await vault.open(sql, stored, { ...version, version: version.hash });
  return secrets.length === 0 ? digestOf(value) : vault.digestOf(value);
}
