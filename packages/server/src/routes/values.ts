/** Owns the routes of effective values. */
import { ConfigurationError, formatScope, parseScopeContext, type JsonValue } from '@strata/core';
import type { ConfigurationManagementService, DatedValue, ReadOptions } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { minRevisionHeaders, minRevisionQuery, readAnswerHeaders, readOptions, tellAge } from '../revision-headers.ts';
import { keyParams, place, placeOf, scopeContextQuery } from './scope-query.ts';

/** An effective value with its address. */
export const effectiveValue = z
  .object({ key: z.string(), ...place.shape, value: z.unknown() })
  .meta({ id: 'EffectiveValue' });

const effectiveValues = place
  .extend({ values: z.record(z.string(), z.unknown()).describe('By key') })
  .meta({ id: 'EffectiveValues' });

const oneQuery = scopeContextQuery.extend(minRevisionQuery);

const severalQuery = oneQuery.extend({
  key: z
    .union([z.array(z.string()), z.string().transform((key) => [key])])
    .optional()
    .describe('Once for each key asked for; absent: every key with a layer on the chain'),
});

/** `GET /v1/values/<key>` and `GET /v1/values`: one, several or all effective values at a scope, with an entity tag. */
export function valueRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addOne(app, service);
    addSeveral(app, service);
    done();
  };
}

/** Secrets take a call of their own. */
const withoutSecrets = { secrets: 'mask' } as const;

type App = Parameters<FastifyPluginCallbackZod>[0];

function addOne(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/values/*',
    {
      onSend: answerConditionally,
      config: {
        errors: ['invalid_key', 'invalid_scope', 'key_not_found', 'revision_not_reached'],
        answerHeaders: readAnswerHeaders,
      },
      schema: {
        summary: 'The effective value of a key at a scope; secrets in it are masked',
        params: keyParams,
        querystring: oneQuery,
        headers: minRevisionHeaders,
        response: { 200: effectiveValue, default: problemSchema },
      },
    },
    async (request, reply) => {
      const key = request.params['*'];
      const { minRevision, ...scope } = request.query;
      const options = readOptions(request.headers, minRevision);
      const { value, ...age } = await readValue(service.as(actorOf(request)), key, scope, options);
      tellAge(reply, age);
      return { key, ...placeOf(scope), value };
    },
  );
}

function addSeveral(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/values',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key', 'invalid_scope', 'revision_not_reached'], answerHeaders: readAnswerHeaders },
      schema: {
        summary: 'The effective values of several keys at a scope (null where missing), or of all; secrets are masked',
        querystring: severalQuery,
        headers: minRevisionHeaders,
        response: { 200: effectiveValues, default: problemSchema },
      },
    },
    async (request, reply) => {
      const { key: keys, minRevision, ...scope } = request.query;
      const acting = service.as(actorOf(request));
      const options = { ...readOptions(request.headers, minRevision), ...withoutSecrets };
      const { values, ...age } =
        keys === undefined ? await acting.readAll(scope, options) : await acting.readBatch(keys, scope, options);
      tellAge(reply, age);
      return { ...placeOf(scope), values: Object.fromEntries<unknown>(values) };
    },
  );
}

/** @throws ConfigurationError `key_not_found` when no layer gives a value. */
async function readValue(
  service: ConfigurationManagementService,
  key: string,
  scope: z.output<typeof scopeContextQuery>,
  options: ReadOptions | undefined,
): Promise<DatedValue<JsonValue>> {
  const read = await service.read<JsonValue>(key, scope, { ...options, ...withoutSecrets });
  return { ...read, value: await requireThere(service, key, scope, read.value) };
}

/** The value, if there is one. @throws ConfigurationError `key_not_found` when no layer gives a value. */
export async function requireThere(
  service: ConfigurationManagementService,
  key: string,
  scope: z.output<typeof scopeContextQuery>,
  value: JsonValue,
): Promise<JsonValue> {
  if (value !== null) return value;
  // The library answers null both for a stored null and for nothing; over HTTP they are 200 and 404.
  const { leaves, value: explained } = await service.explain(key, scope);
  if (leaves.length === 0)
    throw new ConfigurationError('key_not_found', { key, scope: formatScope(parseScopeContext(scope)) });
  return explained;
}
