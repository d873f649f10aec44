/** Owns how flags and their evaluations are written in answers, and contexts in requests. */
import { flagOperators } from '@strata/core';
import { z } from 'zod';
import { place, scopeName } from './scope-query.ts';

/** A flag as it is at a scope. */
export const flagRecord = z
  .looseObject({
    name: z.string(),
    description: z.string().optional(),
    enabled: z.boolean(),
    archived: z.boolean(),
    rolloutPercentage: z.number().describe('100 where the flag does not say'),
    version: z.string().describe('That of the layer nearest to the scope'),
    ...place.shape,
    revision: z.int().describe('That of the newest of its layers'),
  })
  .meta({ id: 'Flag' });

/** The result of an evaluation. */
export const evaluationRecord = z
  .object({
    flag: z.string(),
    value: z.unknown(),
    variant: z.string().optional(),
    on: z.boolean(),
    reason: z.enum(['STATIC', 'TARGETING_MATCH', 'SPLIT', 'DEFAULT', 'DISABLED', 'ERROR']),
    ruleId: z.string().optional(),
    version: z.string().optional(),
    errorCode: z.enum(['FLAG_NOT_FOUND', 'INVALID_CONTEXT', 'PARSE_ERROR', 'PROVIDER_NOT_READY', 'GENERAL']).optional(),
    errorMessage: z.string().optional(),
  })
  .meta({ id: 'FlagEvaluation' });

const condition = z.object({
  attribute: z.string(),
  operator: z.union([z.enum(flagOperators), z.string()]),
  value: z.unknown().optional(),
  values: z.array(z.unknown()).readonly().optional(),
});

const conditionTrace = z.object({
  path: z.string(),
  condition,
  actual: z.unknown().optional(),
  holds: z.boolean(),
});

/** An evaluation with the way to it. */
export const explanationRecord = z
  .object({
    name: z.string(),
    evaluation: evaluationRecord,
    decidedBy: z
      .enum(['archived', 'disabled', 'schedule', 'prerequisite', 'conditions', 'rule', 'rollout', 'error'])
      .optional(),
    origin: z
      .object({ path: z.string(), ...place.shape, version: z.string().nullable() })
      .optional()
      .describe('The part that decided, and the layer that gives it'),
    failed: conditionTrace
      .optional()
      .describe('The condition that kept the flag, or the last rule asked, from applying'),
    bucket: z
      .object({
        bucketBy: z.string(),
        unit: z.string().optional(),
        bucket: z.int().optional().describe('0 to 99,999: on when below rolloutPercentage times 1,000'),
        rolloutPercentage: z.number(),
        splitBucket: z.int().optional(),
      })
      .optional(),
    prerequisites: z
      .array(z.object({ flag: z.string(), isMet: z.boolean(), evaluation: evaluationRecord }))
      .readonly()
      .optional(),
    conditions: z.array(conditionTrace).readonly().optional(),
    rules: z
      .array(
        z.object({
          id: z.string(),
          matches: z.boolean(),
          conditions: z.array(conditionTrace).readonly(),
          segment: z.object({ name: z.string(), contains: z.boolean() }).optional(),
        }),
      )
      .readonly()
      .optional(),
    chain: z.array(place).readonly().describe('The scopes that it was evaluated along, from global down'),
    layers: z
      .array(place.extend({ version: z.string().nullable(), parts: z.array(z.string()).readonly() }))
      .readonly()
      .describe('The layers of the flag on that chain, and which parts of it each gives'),
  })
  .meta({ id: 'FlagExplanation' });

/** For whom a flag is evaluated. Whatever comes is evaluated, and what is no context is `INVALID_CONTEXT`. */
export const contextInput = z
  .unknown()
  .optional()
  .describe(
    '{ userId, organizationId, teamId, environment, attributes }, with targetingKey for userId; anything but an object is INVALID_CONTEXT',
  );

/** The scope whose flags are evaluated; absent: where the context is. */
export const evaluationScope = z
  .strictObject({
    scope: scopeName,
    scopeId: z.string().nullable().optional(),
    organizationId: z.string().optional(),
    teamId: z.string().optional(),
  })
  .optional()
  .describe('The scope whose flags are evaluated; absent: the user, team or org of the context');
