/** Owns the SQL of looking back at one commit: what it was, what it changed, and what is there now. */
import { deepFreeze, readJson, type Address, type ConfigScope, type JsonValue, type Path } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';
import type { CommitOperation } from './commits.ts';

/** What names a commit. */
export type CommitReference = { readonly id: string } | { readonly revision: number };

/** A commit with what it is about, where that is not values. */
export interface CommitHead extends Partial<Address> {
  readonly id: string;
  readonly revision: number;
  readonly operation: CommitOperation;
}

interface CommitHeadRow extends Row {
  readonly id: string;
  readonly revision: number;
  readonly operation: CommitOperation;
  readonly key: string | null;
  readonly scope: ConfigScope | null;
  readonly scope_id: string | null;
}

/** Reads a commit; undefined when there is none in the environment. */
export async function readCommit(
  sql: Sql,
  environment: string,
  reference: CommitReference,
): Promise<CommitHead | undefined> {
  const [condition, name] = 'id' in reference ? ['id = $2::uuid', reference.id] : ['revision = $2', reference.revision];
  const [row] = await sql.query<CommitHeadRow>(
    `SELECT id, revision, operation, key, scope, scope_id FROM configuration_commits WHERE environment = $1 AND ${condition}`,
    [environment, name],
  );
  if (row === undefined) return undefined;
  return {
    id: row.id,
    revision: row.revision,
    operation: row.operation,
    ...(row.key === null ? {} : { key: row.key }),
    ...(row.scope === null ? {} : { scope: row.scope }),
    ...(row.scope_id === null ? {} : { scopeId: row.scope_id }),
  };
}

/** A layer that some commit left; `value` is undefined where it left none. */
export interface Layer {
  /** The full hash of its version. */
  readonly hash: string;
  readonly value: JsonValue | undefined;
  /** Where secrets are in it, once they are opened. */
  readonly secrets?: readonly Path[];
}

/** An address that a commit changed. */
export interface ChangedAddress extends Address {
  readonly written: Layer;
  /** What was there before; undefined where the commit made the first version. */
  readonly before: Layer | undefined;
  readonly now: Layer & { readonly revision: number; readonly expiresAt: Date | undefined };
}

interface ChangedRow extends Row {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly hash: string;
  readonly value: string | null;
  readonly parent: string | null;
  readonly parent_value: string | null;
  readonly head: string;
  readonly head_value: string | null;
  readonly head_revision: number;
  readonly head_expires_at: Date | null;
}

/** Reads what the commit of a revision changed, by key and scope, in one snapshot with what is there now. */
export async function readChangedAddresses(sql: Sql, environment: string, revision: number): Promise<ChangedAddress[]> {
  const rows = await sql.query<ChangedRow>(
    `SELECT v.key, v.scope, v.scope_id, v.hash, v.value, v.parent, p.value AS parent_value, s.version AS head, s.value AS head_value,
      s.revision AS head_revision, s.expires_at AS head_expires_at
    FROM configuration_versions AS v LEFT JOIN configuration_versions AS p ON p.hash = v.parent
    JOIN configuration_settings AS s
      ON s.environment = v.environment AND s.key = v.key AND s.scope = v.scope AND s.scope_id = v.scope_id
    WHERE v.environment = $1 AND v.revision = $2 ORDER BY v.key, v.scope, v.scope_id`,
    [environment, revision],
  );
  return rows.map((row) => ({
    key: row.key,
    scope: row.scope,
    scopeId: row.scope_id,
    written: toLayer(row.hash, row.value),
    before: row.parent === null ? undefined : toLayer(row.parent, row.parent_value),
    now: {
      ...toLayer(row.head, row.head_value),
      revision: row.head_revision,
      expiresAt: row.head_expires_at ?? undefined,
    },
  }));
}

function toLayer(hash: string, value: string | null): Layer {
  return { hash, value: value === null ? undefined : deepFreeze(readJson(value)) };
}
