/** Owns the routes that evaluate flags. */
import type { JsonValue } from '@strata/core';
import type { ConfigurationManagementService, EvaluateOptions, FlagContext } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { contextInput, evaluationRecord, evaluationScope, explanationRecord } from './flag-records.ts';
import { given, refuseConditions } from './write-headers.ts';

const nameParams = z.object({ name: z.string().describe('The name of the flag') });
const allBody = z.strictObject({ context: contextInput, scope: evaluationScope });
const oneBody = allBody.extend({
  default: z.unknown().optional().describe('The value of a flag that cannot be evaluated; absent: false'),
});

/** `POST /v1/flags/<name>/evaluate`, `POST /v1/flags/<name>/explain` and `POST /v1/evaluate`. */
export function evaluateRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/flags/:name/evaluate',
      {
        preValidation: refuseConditions,
        config: { errors: ['invalid_scope'] },
        schema: {
          summary: 'What a flag serves for a context; an unknown one the default, with FLAG_NOT_FOUND',
          params: nameParams,
          body: oneBody,
          response: { 200: evaluationRecord, default: problemSchema },
        },
      },
      async (request) => {
        const { context, default: fallback = false } = request.body;
        const acting = service.as(actorOf(request));
        return acting.evaluateFlagDetail(
          request.params.name,
          context as FlagContext,
          fallback as JsonValue,
          optionsOf(request.body),
        );
      },
    );
    app.post(
      '/v1/flags/:name/explain',
      {
        preValidation: refuseConditions,
        config: { errors: ['invalid_scope'] },
        schema: {
          summary: 'The same with the way to it: the rule, the condition that failed, the bucket, the layers',
          params: nameParams,
          body: oneBody,
          response: { 200: explanationRecord, default: problemSchema },
        },
      },
      async (request) => {
        const { context, default: fallback = false } = request.body;
        const acting = service.as(actorOf(request));
        return acting.explainFlag(
          request.params.name,
          context as FlagContext,
          fallback as JsonValue,
          optionsOf(request.body),
        );
      },
    );
    app.post(
      '/v1/evaluate',
      {
        preValidation: refuseConditions,
        config: { errors: ['invalid_scope'] },
        schema: {
          summary: 'What every flag serves for a context, by name; archived flags are left out',
          body: allBody,
          response: { 200: z.object({ flags: z.record(z.string(), evaluationRecord) }), default: problemSchema },
        },
      },
      async (request) => {
        const acting = service.as(actorOf(request));
        const flags = await acting.evaluateAll(request.body.context as FlagContext, optionsOf(request.body));
        return { flags: Object.fromEntries(flags) };
      },
    );
    done();
  };
}

/** Without a scope the flags of the place that the context is at are evaluated. */
function optionsOf({ scope }: Pick<z.output<typeof allBody>, 'scope'>): EvaluateOptions | undefined {
  return scope === undefined ? undefined : { ...given('scope', scope) };
}
