/** Owns the routes of the scope registry. */
import { ConfigurationError, scopes as scopeKinds, type ScopeRef } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { pageLimit, place, requiredScopeQuery, scopeContextQuery, scopeInput, scopeName } from './scope-query.ts';
import { given, refuseBody, refuseConditions } from './write-headers.ts';

const scopeRef = z.object({ scope: scopeName, scopeId: z.string() });

const registeredScope = scopeRef
  .extend({
    name: z.string().nullable(),
    parents: z.array(scopeRef.extend({ primary: z.boolean() })).readonly(),
    revision: z.int(),
  })
  .meta({ id: 'RegisteredScope' });

const listQuery = z
  .strictObject({
    scope: scopeName.optional().describe('Only scopes of this kind'),
    parentScope: scopeName.optional().describe('Only children of this scope, with parentId'),
    parentId: z.string().optional(),
    cursor: z.string().max(2000).optional().describe('nextCursor of the page before'),
    limit: pageLimit(100, 1000),
  })
  .refine(({ parentScope, parentId }) => parentScope !== undefined || parentId === undefined, {
    path: ['parentId'],
    message: 'needs a parentScope',
  });

const scopePage = z
  .object({
    scopes: z.array(registeredScope).readonly(),
    nextCursor: z.string().nullable().describe('What to give as cursor for the next page; null on the last one'),
  })
  .meta({ id: 'ScopePage' });

/** `GET`, `PUT` and `DELETE /v1/scopes`, and `GET /v1/chain`. */
export function scopeRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addList(app, service);
    addRegistration(app, service);
    addRemoval(app, service);
    addChain(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addList(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/scopes',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope'] },
      schema: {
        summary: 'The registered scopes, by kind and id',
        querystring: listQuery,
        response: { 200: scopePage, default: problemSchema },
      },
    },
    async (request) => {
      const { scope, parentScope, parentId, cursor, limit } = request.query;
      const parent = parentScope === undefined ? undefined : { scope: parentScope, scopeId: parentId };
      const found = await service.as(actorOf(request)).listScopes({
        ...given('scope', scope),
        ...given('parent', parent),
        ...given('after', cursor === undefined ? undefined : readCursor(cursor)),
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return { scopes: page, nextCursor: found.length <= limit || last === undefined ? null : writeCursor(last) };
    },
  );
}

const cursorContent = z.tuple([z.enum(scopeKinds), z.string()]);

function writeCursor({ scope, scopeId }: ScopeRef): string {
  return Buffer.from(JSON.stringify([scope, scopeId])).toString('base64url');
}

function readCursor(cursor: string): ScopeRef {
  try {
    const [scope, scopeId] = cursorContent.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { scope, scopeId };
  } catch (error) {
    throw new ConfigurationError(
      'invalid_request',
      { problem: 'the cursor is of no page of scopes' },
      { cause: error },
    );
  }
}

function addRegistration(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/scopes',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_scope', 'invalid_parent', 'scope_cycle', 'would_break', 'locked'] },
      schema: {
        summary: 'Registers a scope and its parents, or replaces what was registered; the same again does no work',
        querystring: requiredScopeQuery,
        body: z.strictObject({
          name: z.string().optional(),
          parents: z
            .array(scopeInput)
            .optional()
            .describe('One, or for a user several. Absent: it inherits from global directly'),
          primary: scopeInput.optional().describe('Which of the parents a user inherits from. Default: the first'),
        }),
        response: { 200: registeredScope, default: problemSchema },
      },
    },
    async (request) => {
      const { scope, scopeId = '' } = request.query;
      const { name, parents, primary } = request.body;
      const registration = {
        scope,
        scopeId,
        ...given('name', name),
        ...given('parent', parents),
        ...given('primary', primary),
      };
      return service.as(actorOf(request)).registerScope(registration);
    },
  );
}

function addRemoval(app: App, service: ConfigurationManagementService): void {
  app.delete(
    '/v1/scopes',
    {
      preValidation: [refuseConditions, refuseBody],
      config: { errors: ['invalid_scope', 'scope_not_found', 'scope_in_use'] },
      schema: {
        summary: 'Removes a registered scope that has neither children nor layers nor locks',
        querystring: requiredScopeQuery,
        response: { 204: z.undefined(), default: problemSchema },
      },
    },
    async (request, reply) => {
      await service.as(actorOf(request)).removeScope(request.query);
      return reply.code(204).send();
    },
  );
}

function addChain(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/chain',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope'] },
      schema: {
        summary: 'The scopes that a read at a scope inherits along, from global down',
        querystring: scopeContextQuery,
        response: { 200: z.object({ chain: z.array(place).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({ chain: await service.as(actorOf(request)).getScopeChain(request.query) }),
  );
}
