/** Owns how versions and commits are shown to people. */
import type { Commit, VersionRecord } from '@strata/client';
import { full, localTime, scopeName, table } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** One version as `git log` shows a commit. */
export function showVersion(version: VersionRecord, colours: Colours): string {
  const { tags, comment, expiresAt } = version;
  const marks = tags.length === 0 ? '' : ` ${colours.cyan(`(${tags.map((tag) => `tag: ${tag}`).join(', ')})`)}`;
  return [
    `${colours.yellow(`version ${version.version}`)}${marks}`,
    `Key:      ${version.key}`,
    `Scope:    ${scopeName(version)}`,
    `Author:   ${printable(version.changedBy)}`,
    `Date:     ${localTime(version.changedAt)} (revision ${String(version.revision)})`,
    ...(expiresAt === undefined ? [] : [`Expires:  ${localTime(expiresAt)}`]),
    ...whatItDid(version),
    ...(comment === null
      ? []
      : [
          '',
          ...printable(comment)
            .split('\n')
            .map((line) => `    ${line}`),
        ]),
  ].join('\n');
}

function whatItDid({ operation, isRollback, rollbackFromVersion }: VersionRecord): string[] {
  if (isRollback) return [`Rollback: to ${rollbackFromVersion ?? 'an earlier version'}`];
  return operation === 'delete' ? ['Deleted:  the scope inherits again'] : [];
}

/** One version with its value. */
export function showVersionValue(version: VersionRecord, colours: Colours): string {
  const value = version.operation === 'delete' ? [] : ['', full(version.value)];
  return [showVersion(version, colours), ...value].join('\n');
}

/** Versions in a table, one a line. */
export function versionTable(versions: readonly VersionRecord[], colours: Colours): string {
  return table(
    colours,
    ['version', 'time', 'author', 'scope', 'change', 'tags', 'comment'],
    versions.map((version) => [
      version.version,
      localTime(version.changedAt),
      printable(version.changedBy),
      scopeName(version),
      version.operation,
      version.tags.join(', '),
      version.comment === null ? null : printable(version.comment),
    ]),
  );
}

/** What a write has done, in one line. */
export function showWritten({ key, version, revision, operation, ...place }: VersionRecord): string {
  const done = { set: 'set', delete: 'deleted', rollback: 'rolled back' }[operation];
  return `${key} at ${scopeName(place)} ${done}: version ${version}, revision ${String(revision)}`;
}

/** What a commit has done: its revision, and a line for each key. */
export function showCommit({ id, revision, versions }: Commit): string {
  const lines = versions.map((version) => `  ${version.commit === id ? showWritten(version) : showKept(version)}`);
  return [`Revision ${String(revision)}:`, ...lines].join('\n');
}

function showKept({ key, version, ...place }: VersionRecord): string {
  return `${key} at ${scopeName(place)} is as it was: version ${version}`;
}
