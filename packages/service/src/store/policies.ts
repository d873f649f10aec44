/** Owns the SQL of configuration_policies. */
import type { ApprovalPolicy } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** A policy with who set it, and since which revision it holds. */
export interface StoredPolicy {
  readonly policy: ApprovalPolicy;
  readonly setBy: string;
  readonly setAt: Date;
  readonly comment: string | null;
  readonly revision: number;
}

interface PolicyRow extends Row {
  readonly policy: string;
  readonly set_by: string;
  readonly set_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

/** Reads all policies as they were at a revision, by name. */
export async function readPolicies(sql: Sql, environment: string, revision: number): Promise<StoredPolicy[]> {
  const rows = await sql.query<PolicyRow>(
    `SELECT policy::text AS policy, set_by, set_at, comment, valid_from FROM configuration_policies
    WHERE environment = $1 AND valid_from <= $2::bigint AND (valid_to IS NULL OR valid_to > $2) ORDER BY name`,
    [environment, revision],
  );
  return rows.map((row) => ({
    policy: JSON.parse(row.policy) as ApprovalPolicy,
    setBy: row.set_by,
    setAt: row.set_at,
    comment: row.comment,
    revision: row.valid_from,
  }));
}

/** Stores a policy as of its revision, in the place of the one of that name. */
export async function storePolicy(sql: Sql, environment: string, stored: StoredPolicy): Promise<void> {
  const { policy, setBy, setAt, comment, revision } = stored;
  await endPolicy(sql, environment, policy.name, revision);
  await sql.query(
    `INSERT INTO configuration_policies (environment, name, policy, set_by, set_at, comment, valid_from)
    VALUES ($1, $2, $3::json, $4, $5::timestamptz, $6, $7::bigint)`,
    [environment, policy.name, JSON.stringify(policy), setBy, setAt, comment, revision],
  );
}

/** Ends a policy as of a revision. */
export async function endPolicy(sql: Sql, environment: string, name: string, revision: number): Promise<void> {
  await sql.query(
    `UPDATE configuration_policies SET valid_to = $3::bigint WHERE environment = $1 AND name = $2 AND valid_to IS NULL`,
    [environment, name, revision],
  );
}
