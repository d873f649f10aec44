/** Owns the SQL of configuration_roles and configuration_role_bindings. */
import type { ConfigScope, Permission, RoleBinding, RoleDefinition } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** A role that is defined, with its last change. */
export interface StoredRole extends RoleDefinition {
  readonly setBy: string;
  readonly setAt: Date;
  readonly comment: string | null;
  readonly revision: number;
}

/** A role given to somebody, and by whom. */
export interface StoredBinding extends RoleBinding {
  readonly boundBy: string;
  readonly boundAt: Date;
  readonly comment: string | null;
  readonly revision: number;
}

interface RoleRow extends Row {
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly set_by: string;
  readonly set_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

interface BindingRow extends Row {
  readonly id: string;
  readonly subject_kind: 'user' | 'group';
  readonly subject: string;
  readonly role: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly keys: string;
  readonly effect: RoleBinding['effect'];
  readonly bound_by: string;
  readonly bound_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

const validAt = `CASE WHEN $2::bigint IS NULL THEN valid_to IS NULL
  ELSE valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) END`;

/** Reads the roles that are defined now, or that were at a revision. The built-in ones are not among them. */
export async function readRoles(sql: Sql, environment: string, revision?: number): Promise<StoredRole[]> {
  const rows = await sql.query<RoleRow>(
    `SELECT name, permissions, set_by, set_at, comment, valid_from FROM configuration_roles
    WHERE environment = $1 AND ${validAt} ORDER BY name`,
    [environment, revision ?? null],
  );
  return rows.map((row) => ({
    name: row.name,
    permissions: row.permissions,
    setBy: row.set_by,
    setAt: row.set_at,
    comment: row.comment,
    revision: row.valid_from,
  }));
}

/** Stores a role as of its revision. */
export async function storeRole(sql: Sql, environment: string, role: StoredRole): Promise<void> {
  await endRole(sql, environment, role.name, role.revision);
  await sql.query(
    `INSERT INTO configuration_roles (environment, name, permissions, set_by, set_at, comment, valid_from)
    VALUES ($1, $2, $3::text[], $4, $5::timestamptz, $6, $7::bigint)`,
    [environment, role.name, role.permissions, role.setBy, role.setAt, role.comment, role.revision],
  );
}

/** Ends a role as of a revision. */
export async function endRole(sql: Sql, environment: string, name: string, revision: number): Promise<void> {
  await sql.query(
    `UPDATE configuration_roles SET valid_to = $3::bigint WHERE environment = $1 AND name = $2 AND valid_to IS NULL`,
    [environment, name, revision],
  );
}

/** Reads who has which role now, or had at a revision, in the order in which they were given. */
export async function readBindings(sql: Sql, environment: string, revision?: number): Promise<StoredBinding[]> {
  const rows = await sql.query<BindingRow>(
    `SELECT id, subject_kind, subject, role, scope, scope_id, keys, effect, bound_by, bound_at, comment, valid_from
    FROM configuration_role_bindings WHERE environment = $1 AND ${validAt} ORDER BY valid_from, id`,
    [environment, revision ?? null],
  );
  return rows.map((row) => ({
    id: row.id,
    subject: row.subject_kind === 'user' ? { user: row.subject } : { group: row.subject },
    role: row.role,
    scope: { scope: row.scope, scopeId: row.scope_id },
    keys: row.keys,
    effect: row.effect,
    boundBy: row.bound_by,
    boundAt: row.bound_at,
    comment: row.comment,
    revision: row.valid_from,
  }));
}

/** Stores a binding as of its revision. */
export async function storeBinding(sql: Sql, environment: string, binding: StoredBinding): Promise<void> {
  const { id, subject, role, scope, keys, effect, boundBy, boundAt, comment, revision } = binding;
  await sql.query(
    `INSERT INTO configuration_role_bindings (environment, id, subject_kind, subject, role, scope, scope_id, keys, effect, bound_by,
      bound_at, comment, valid_from)
    VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11::timestamptz, $12, $13::bigint)`,
    [
      environment,
      id,
      subject.group === undefined ? 'user' : 'group',
      subject.group ?? subject.user,
      role,
      scope.scope,
      scope.scopeId,
      keys,
      effect,
      boundBy,
      boundAt,
      comment,
      revision,
    ],
  );
}

/** Ends a binding as of a revision. */
export async function endBinding(sql: Sql, environment: string, id: string, revision: number): Promise<void> {
  await sql.query(
    `UPDATE configuration_role_bindings SET valid_to = $3::bigint WHERE environment = $1 AND id = $2::uuid AND valid_to IS NULL`,
    [environment, id, revision],
  );
}
