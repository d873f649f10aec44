/** Owns the route that says what a change would do, and how that is written in answers. */
import { impactLevels, type ErrorCode } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { brokenLayer } from './schemas.ts';
import { keyParams, place, scopeQuery } from './scope-query.ts';
import { diffRecord } from './version-record.ts';
import { refuseConditions } from './write-headers.ts';

const names = z.array(z.string()).readonly();

const variant = z.string().nullable();

/** What a change does to those for whom a flag is evaluated. */
const flagImpact = z
  .object({
    name: z.string(),
    flippedUsers: z.int().describe('The registered users below who get another variant, or another value of it'),
    flips: z
      .array(
        z.object({
          from: variant.describe('Null where there is no such flag for them now'),
          to: variant.describe('The same as before where its value changes'),
          users: z.int(),
        }),
      )
      .readonly()
      .describe('From which variant to which, most users first'),
    unjudgedRules: z
      .int()
      .describe('How many rules, conditions and rollouts go by attributes that are not known of registered users'),
    unknownAttributes: names,
    note: z.string().optional().describe('What could not be judged, in words; absent where everything could'),
  })
  .meta({ id: 'FlagImpact' });

/** What a change does to whom, of one layer or of several that change together. */
export const impactAnalysis = z
  .object({
    revision: z.int().describe('The revision at which it was computed'),
    impactLevel: z.enum(impactLevels),
    reasons: names.describe('What the level and the approvals follow from'),
    requiresApproval: z.boolean().describe('Whether it would become a change request'),
    minimumApprovals: z.int(),
    requiredApprovers: names,
    affectedServices: names,
    affectedUsers: z.int().describe('The registered users whose effective value changes'),
    affectedTeams: z.int(),
    affectedOrganizations: z.int(),
    shieldedUsers: z.int().describe('The registered users below whose effective value stays as it is'),
    samples: z.object({
      organizations: names,
      teams: names,
      users: names,
      shielded: z.array(place).readonly().describe('Scopes whose own value keeps them as they are'),
    }),
    flags: z
      .array(flagImpact)
      .readonly()
      .optional()
      .describe('What becomes of the flags that change; absent where none does'),
    partial: z.boolean().describe('Whether scopes are left out because the caller may not read there'),
    wouldBreak: z.array(brokenLayer).readonly(),
    dependencies: names.describe('The keys that it depends on, the nearest first'),
    dependents: names.describe('The keys that depend on it, the nearest first'),
    gates: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .readonly()
      .describe('Everything that would block it'),
    testingRecommendations: names,
    estimatedDowntime: z.string().optional().describe('Absent where no service has to start again'),
    rollbackPriority: z.enum(['none', 'low', 'normal', 'high', 'immediate']),
    rollbackPlan: z.string(),
  })
  .meta({ id: 'ImpactAnalysis' });

/** What would become of one layer. */
export const layerPreview = z.object({
  key: z.string(),
  ...place.shape,
  changed: z.boolean().describe('Whether the write would make a version at all'),
  impactLevel: z.enum(impactLevels),
  diff: z.array(diffRecord).readonly(),
  effectiveDiff: z.array(diffRecord).readonly(),
});

/** What a change of one layer does. */
export const impactReport = z.object({ ...layerPreview.shape, ...impactAnalysis.shape }).meta({ id: 'ImpactReport' });

const errors = [
  'invalid_key',
  'invalid_scope',
  'invalid_value',
  'value_too_large',
] as const satisfies readonly ErrorCode[];

/** `POST /v1/impact/<key>`. */
export function impactRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/impact/*',
      {
        preValidation: refuseConditions,
        config: { errors },
        schema: {
          summary: 'What storing a value would do, and what would refuse it; nothing is written',
          params: keyParams,
          querystring: scopeQuery,
          body: z.strictObject({ value: z.unknown().refine((value) => value !== undefined, 'is missing') }),
          response: { 200: impactReport, default: problemSchema },
        },
      },
      async (request) =>
        service.as(actorOf(request)).analyzeImpact(request.params['*'], request.body.value, request.query),
    );
    done();
  };
}
