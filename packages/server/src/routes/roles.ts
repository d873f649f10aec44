/** Owns the routes of roles, and of who has them. */
import { permissions, scopes, type Permission } from '@strata/core';
import type { ConfigurationManagementService, RoleBindingInput } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { narrowing, optionalScopeQuery, place, scopeInput } from './scope-query.ts';
import { comment, given, present, refuseBody, refuseConditions } from './write-headers.ts';

const held = z.array(z.enum(permissions as readonly [Permission, ...Permission[]])).readonly();

const roleRecord = z
  .object({
    name: z.string(),
    permissions: held,
    builtIn: z.boolean().describe('Whether every store has it, and it cannot be changed'),
    setBy: z.string().optional(),
    setAt: z.date().optional(),
    comment: z.string().nullable().optional(),
    revision: z.int(),
  })
  .meta({ id: 'Role' });

const subject = z
  .strictObject({ user: z.string().optional(), group: z.string().optional() })
  .describe('A user, or all of whom the host says that they have a role of that name');

const bindingRecord = z
  .object({
    id: z.string(),
    subject,
    role: z.string(),
    ...place.shape,
    keys: z.string(),
    effect: z.enum(['allow', 'deny']),
    boundBy: z.string(),
    boundAt: z.date(),
    comment: z.string().nullable(),
    revision: z.int(),
  })
  .meta({ id: 'RoleBinding' });

const newBinding = z.strictObject({
  subject,
  role: z.string(),
  scope: z.enum(scopes),
  scopeId: scopeInput.shape.scopeId,
  keys: z.string().optional().describe('A glob of keys; absent: all'),
  effect: z.enum(['allow', 'deny']).optional(),
  comment,
});

/** All routes under `/v1/roles` and `/v1/role-bindings`. */
export function roleRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addRoles(app, service);
    addBindings(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addRoles(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/roles',
    {
      onSend: answerConditionally,
      config: { errors: [] },
      schema: {
        summary: 'The roles there are, the built-in ones included',
        response: { 200: z.object({ roles: z.array(roleRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({ roles: await service.as(actorOf(request)).listRoles() }),
  );
  app.put(
    '/v1/roles/:name',
    {
      preValidation: refuseConditions,
      config: { errors: ['self_grant'] },
      schema: {
        summary: 'Sets a role: what those may do who have it',
        params: z.object({ name: z.string() }),
        body: z.strictObject({ permissions: held, comment }),
        response: { 200: roleRecord, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const role = { name: request.params.name, permissions: request.body.permissions };
      return service.as(actor).setRole(role, actor.id, request.body.comment);
    },
  );
  app.delete(
    '/v1/roles/:name',
    {
      preValidation: [refuseConditions, refuseBody],
      config: { errors: ['role_not_found', 'role_in_use'] },
      schema: {
        summary: 'Takes a role away that nobody has',
        params: z.object({ name: z.string() }),
        querystring: z.strictObject({ comment }),
        response: { 204: z.undefined(), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      await service.as(actor).removeRole(request.params.name, actor.id, request.query.comment);
      return reply.code(204).send();
    },
  );
}

function addBindings(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/role-bindings',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope'] },
      schema: {
        summary: 'Who has which role: the caller’s own bindings, and those at scopes where he may set roles',
        querystring: optionalScopeQuery.extend({
          user: z.string().optional(),
          group: z.string().optional(),
          role: z.string().optional(),
        }),
        response: { 200: z.object({ bindings: z.array(bindingRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const { user, group, role } = request.query;
      const named = user !== undefined ? { user } : group !== undefined ? { group } : undefined;
      const filter = { ...narrowing(request.query), ...given('role', role), ...given('subject', named) };
      return { bindings: await service.as(actorOf(request)).listRoleBindings(filter) };
    },
  );
  app.post(
    '/v1/role-bindings',
    {
      preValidation: refuseConditions,
      config: { errors: ['role_not_found', 'self_grant', 'invalid_scope'] },
      schema: {
        summary: 'Gives a role to a user or a group, at a scope and all below it',
        body: newBinding,
        response: { 201: bindingRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { comment: why, ...binding } = request.body;
      const made = await service.as(actor).bindRole(present(binding) as RoleBindingInput, actor.id, why);
      return reply.code(201).send(made);
    },
  );
  app.delete(
    '/v1/role-bindings/:id',
    {
      preValidation: [refuseConditions, refuseBody],
      config: { errors: ['binding_not_found'] },
      schema: {
        summary: 'Takes a role from somebody again',
        params: z.object({ id: z.string() }),
        querystring: z.strictObject({ comment }),
        response: { 204: z.undefined(), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      await service.as(actor).unbindRole(request.params.id, actor.id, request.query.comment);
      return reply.code(204).send();
    },
  );
}
