/** Owns the routes that compare two sides and promote what differs. */
import { documentFormats } from '@strata/core';
import type { ConfigurationManagementService, Side } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { tellRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { documentErrors, documentLimit, importRecord } from './import.ts';
import { writeErrors } from './layers.ts';
import { place, scopeInput } from './scope-query.ts';
import { diffRecord } from './version-record.ts';
import { breakGlass, comment, force, present, refuseConditions } from './write-headers.ts';

const storedSide = scopeInput.extend({
  subtree: z.boolean().optional().describe('Also the scopes that inherit from it'),
  at: z.iso.datetime({ offset: true }).optional().describe('As it was at that time'),
  revision: z.int().min(1).optional().describe('As it was right after that commit'),
  tag: z.string().optional().describe("Each key's version that bears this tag"),
  values: z.enum(['own', 'effective']).optional().describe('What is stored there, or what is read there'),
  environment: z.string().optional().describe('Another environment of this store'),
});

const documentSide = z.strictObject({
  document: z.string().describe('An export, or an object of keys and values'),
  format: z.enum(documentFormats).optional(),
  scope: scopeInput.shape.scope.optional().describe('Where an object of keys and values belongs; default global'),
  scopeId: scopeInput.shape.scopeId,
  verify: z.boolean().optional().describe('false admits an export that was edited by hand'),
});

const side = z.union([storedSide, documentSide]);

const comparedPlace = z.object({ ...place.shape, revision: z.int().nullable() });

const comparisonRecord = z
  .object({
    left: comparedPlace,
    right: comparedPlace,
    differences: z
      .array(
        z.object({
          key: z.string(),
          ...place.shape,
          operation: z.enum(['add', 'modify', 'delete']),
          diff: z.array(diffRecord).readonly(),
        }),
      )
      .readonly()
      .describe('What turns the left side into the right one, at places of the left one'),
  })
  .meta({ id: 'Comparison' });

const promotion = z.strictObject({
  source: side,
  target: scopeInput.optional().describe('Default: the scope of the source'),
  only: z
    .array(z.strictObject({ key: z.string().describe('A name or a glob'), path: z.string().optional() }))
    .optional()
    .describe('Only these keys, or only these leaves of them'),
  removals: z.boolean().optional().describe('Also removes what the source has not'),
  dryRun: z.boolean().optional(),
  comment,
  force,
  breakGlass,
});

const sideErrors = [
  ...documentErrors,
  'invalid_scope',
  'invalid_key',
  'invalid_value',
  'invalid_tag',
  'version_not_found',
] as const;

/** `POST /v1/compare` and `POST /v1/promote`. */
export function compareRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/compare',
      {
        bodyLimit: documentLimit,
        preValidation: refuseConditions,
        config: { errors: sideErrors },
        schema: {
          summary: 'What differs between two scopes, times, tags, environments or documents',
          body: z.strictObject({ left: side, right: side }),
          response: { 200: comparisonRecord, default: problemSchema },
        },
      },
      async (request) =>
        service
          .as(actorOf(request))
          .compareConfig(present(request.body.left) as Side, present(request.body.right) as Side),
    );
    app.post(
      '/v1/promote',
      {
        bodyLimit: documentLimit,
        preValidation: refuseConditions,
        config: {
          answerHeaders: writeAnswerHeaders,
          errors: [
            ...sideErrors,
            ...writeErrors.filter((code) => code !== 'conflict' && code !== 'idempotency_conflict'),
          ],
        },
        schema: {
          summary: 'Gives a scope the values of a side, as one commit or one change request',
          body: promotion,
          response: { 200: importRecord, default: problemSchema },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        const { source, target, only, ...options } = request.body;
        const result = await service.as(actor).promoteConfig(present(source), actor.id, target, {
          ...present(options),
          ...(only === undefined ? {} : { only: only.map((filter) => present(filter)) }),
        });
        if (result.revision !== null) tellRevision(reply, result.revision);
        return result;
      },
    );
    done();
  };
}
