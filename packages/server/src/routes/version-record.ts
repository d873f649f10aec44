/** Owns how a version is written in an answer. */
import { impactLevels } from '@strata/core';
import { z } from 'zod';
import { place } from './scope-query.ts';

/** One address changed by one commit. */
export const versionRecord = z
  .object({
    version: z.string(),
    key: z.string(),
    ...place.shape,
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
    changeRequestId: z.string().optional().describe('The change request that it was applied by'),
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
