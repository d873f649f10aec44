/** Owns the routes of schemas: the definitions of keys, their registration, and the check of a value. */
import { ConfigurationError, impactLevels, type JsonObject } from '@strata/core';
import type { ConfigurationManagementService, SchemaOptions } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, place, scopeName } from './scope-query.ts';
import { comment, refuseConditions } from './write-headers.ts';

const validationProblem = z.object({ path: z.string(), message: z.string() });

/** A stored layer that does not fit its schema, or would not. */
export const brokenLayer = z
  .object({ key: z.string(), ...place.shape, errors: z.array(validationProblem).readonly() })
  .meta({ id: 'BrokenLayer' });

// Not a record: that would drop a property named __proto__ silently, which has to be refused.
const jsonSchema = z
  .custom<JsonObject>(
    (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
    'must be an object',
  )
  .meta({ type: 'object', description: 'JSON Schema 2020-12 of a whole value' });

const definition = {
  description: z.string().optional(),
  merge: z.enum(['deep', 'replace']).optional().describe('How layers combine. Default: deep'),
  allowedScopes: z.array(scopeName).readonly().optional().describe('Where the key may be set. Default: everywhere'),
  baseImpact: z.enum(impactLevels).optional().describe('Default: low'),
  withoutCode: z
    .enum(['refuse', 'accept'])
    .optional()
    .describe("What a process does that lacks the schema's rules in code. Default: refuse"),
  sensitive: z.boolean().optional().describe('Whether the whole value is a secret. Default: false'),
};

const registeredSchema = z
  .object({
    key: z.string(),
    ...definition,
    jsonSchema: jsonSchema.optional(),
    code: z.boolean().optional().describe('Whether it also has rules that exist only as code'),
    enforcedHere: z.boolean().describe('Whether this server can check all of its rules'),
    revision: z.int().describe('That of its registration; 0 for a built-in definition'),
  })
  .meta({ id: 'RegisteredSchema' });

const schemaRegistration = registeredSchema
  .extend({ invalid: z.array(brokenLayer).readonly().describe('The stored layers that the schema does not fit') })
  .meta({ id: 'SchemaRegistration' });

const registrationBody = z.strictObject({
  jsonSchema,
  ...definition,
  onInvalid: z
    .enum(['refuse', 'report'])
    .default('refuse')
    .describe('What happens when stored values do not fit: nothing is registered, or it is and they are listed'),
  comment,
});

const validationResult = z
  .object({ valid: z.boolean(), errors: z.array(validationProblem).readonly() })
  .meta({ id: 'ValidationResult' });

/** `GET /v1/schemas`, `GET` and `PUT /v1/schemas/<key>`, `POST /v1/validate/<key>`. */
export function schemaRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addList(app, service);
    addRead(app, service);
    addRegistration(app, service);
    addValidation(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addList(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/schemas',
    {
      onSend: answerConditionally,
      schema: {
        summary: 'The definitions of all keys, the built-in ones included',
        querystring: z.strictObject({}),
        response: { 200: z.object({ schemas: z.array(registeredSchema).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({ schemas: await service.as(actorOf(request)).listSchemas() }),
  );
}

function addRead(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/schemas/*',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key', 'schema_not_found'] },
      schema: {
        summary: 'The definition of a key',
        params: keyParams,
        querystring: z.strictObject({}),
        response: { 200: registeredSchema, default: problemSchema },
      },
    },
    async (request) => {
      const key = request.params['*'];
      const schema = await service.as(actorOf(request)).getSchema(key);
      if (schema === null) throw new ConfigurationError('schema_not_found', { key });
      return schema;
    },
  );
}

function addRegistration(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/schemas/*',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_key', 'invalid_schema', 'schema_breaks_values'] },
      schema: {
        summary: 'Gives a key a definition, in the place of any it had; the same again does no work',
        params: keyParams,
        querystring: z.strictObject({}),
        body: registrationBody,
        response: { 200: schemaRegistration, default: problemSchema },
      },
    },
    async (request) => {
      const { jsonSchema: schema, ...options } = request.body;
      return service.as(actorOf(request)).registerSchema(request.params['*'], schema, withoutGaps(options));
    },
  );
}

/** What was left out of a body is left out of the call too. */
function withoutGaps(options: {
  readonly [Name in keyof SchemaOptions]?: SchemaOptions[Name] | undefined;
}): SchemaOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function addValidation(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/validate/*',
    {
      config: { errors: ['invalid_key', 'invalid_value', 'schema_code_missing'] },
      schema: {
        summary: 'Checks a whole value against the schema of a key, without storing anything',
        params: keyParams,
        querystring: z.strictObject({}),
        body: z.strictObject({ value: z.unknown().refine((value) => value !== undefined, 'is missing') }),
        response: { 200: validationResult, default: problemSchema },
      },
    },
    async (request) => service.as(actorOf(request)).validateConfig(request.params['*'], request.body.value),
  );
}
