/** Owns how a version is written in an answer. */
import { impactLevels, scopes } from '@strata/core';
import { z } from 'zod';

/** One address changed by one commit. */
export const versionRecord = z
  .object({
    version: z.string(),
    key: z.string(),
    scope: z.enum(scopes),
    scopeId: z.string().nullable(),
    operation: z.enum(['set', 'delete', 'rollback']),
    value: z.unknown(),
    changedBy: z.string(),
    changedAt: z.date(),
    comment: z.string().nullable(),
    impactLevel: z.enum(impactLevels),
    tags: z.array(z.string()).readonly(),
    isRollback: z.boolean(),
    rollbackFromVersion: z.string().optional(),
    parent: z.string().nullable(),
    revision: z.int(),
    commit: z.string(),
    expiresAt: z.date().optional(),
  })
  .meta({ id: 'Version' });

/** One difference between two values. */
export const diffRecord = z
  .object({
    operation: z.enum(['add', 'modify', 'delete']),
    path: z.string(),
    oldValue: z.unknown().optional(),
    newValue: z.unknown().optional(),
  })
  .meta({ id: 'Diff' });
