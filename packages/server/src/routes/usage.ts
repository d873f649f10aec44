/** Owns the routes of usage counters. */
import { staleReasons, type ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { pageLimit, positiveInteger } from './scope-query.ts';
import { given } from './write-headers.ts';

const days = positiveInteger
  .refine((count) => count <= 400, 'must be at most 400')
  .default(30)
  .meta({ type: 'integer', minimum: 1, maximum: 400, default: 30, description: 'How many days back, today included' });

const counting = {
  days: z.int(),
  since: z.date().nullable().describe('Since when reads are counted; null: none ever were'),
  until: z.date().nullable().describe('When reads were told last'),
  countedDays: z.int().describe('On how many of the days anything counted'),
  uncounted: z.int().describe('Reads of keys that were too many to be told one by one'),
};

const usageReport = z
  .object({
    ...counting,
    usage: z
      .array(
        z.object({
          key: z.string(),
          service: z.string().describe('Empty for readers that have no name'),
          reads: z.int(),
          firstReadAt: z.date(),
          lastReadAt: z.date(),
        }),
      )
      .readonly()
      .describe('The most-read first'),
  })
  .meta({ id: 'Usage' });

const unusedKeys = z
  .object({
    ...counting,
    keys: z
      .array(
        z.object({
          key: z.string(),
          defined: z.boolean().describe('Whether it has a definition; one without has layers'),
          lastReadAt: z.date().nullable().describe('null: not since reads are counted'),
        }),
      )
      .readonly(),
    next: z.string().nullable().describe('What to give as `after` for the next page'),
  })
  .meta({ id: 'UnusedKeys' });

const flagUsage = z
  .object({
    ...counting,
    usage: z
      .array(
        z.object({
          flag: z.string(),
          variant: z.string(),
          service: z.string().describe('Empty for who has no name'),
          evaluations: z.int(),
          firstAt: z.date(),
          lastAt: z.date(),
        }),
      )
      .readonly()
      .describe('What was served most first'),
  })
  .meta({ id: 'FlagUsage' });

const staleFlags = z
  .object({
    ...counting,
    flags: z
      .array(
        z.object({
          flag: z.string(),
          reason: z.enum(staleReasons),
          variant: z.string().nullable().describe('The one that a one-sided flag serves'),
          evaluations: z.int(),
          lastEvaluatedAt: z.date().nullable().describe('null: not since evaluations are counted'),
        }),
      )
      .readonly(),
  })
  .meta({ id: 'StaleFlags' });

/** `GET /v1/usage`, `/v1/usage/unused`, `/v1/usage/flags` and `/v1/usage/stale-flags`. */
export function usageRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/usage',
      {
        config: { errors: ['invalid_key'] },
        schema: {
          summary: 'Which services read which keys, and how often, by the usage counters',
          querystring: z.strictObject({
            key: z.string().optional(),
            service: z.string().optional().describe('The name of a service; empty for readers that have none'),
            days,
            limit: pageLimit(100, 1000),
          }),
          response: { 200: usageReport, default: problemSchema },
        },
      },
      async (request) => {
        const { key, service: name, ...rest } = request.query;
        return service.as(actorOf(request)).getUsage({ ...rest, ...given('key', key), ...given('service', name) });
      },
    );
    app.get(
      '/v1/usage/unused',
      {
        config: { errors: ['invalid_key'] },
        schema: {
          summary: 'The keys with a definition or layers that no service has read for some days, by key',
          querystring: z.strictObject({ days, after: z.string().optional(), limit: pageLimit(100, 1000) }),
          response: { 200: unusedKeys, default: problemSchema },
        },
      },
      async (request) => {
        const { after, ...rest } = request.query;
        return service.as(actorOf(request)).listUnusedKeys({ ...rest, ...given('after', after) });
      },
    );
    addFlagRoutes(app, service);
    done();
  };
}

function addFlagRoutes(app: Parameters<FastifyPluginCallbackZod>[0], service: ConfigurationManagementService): void {
  app.get(
    '/v1/usage/flags',
    {
      config: { errors: [] },
      schema: {
        summary: 'Which variants flags served to which services, and how often, by the usage counters',
        querystring: z.strictObject({
          flag: z.string().optional(),
          service: z.string().optional().describe('The name of a service; empty for who has none'),
          days,
          limit: pageLimit(100, 1000),
        }),
        response: { 200: flagUsage, default: problemSchema },
      },
    },
    async (request) => {
      const { flag, service: name, ...rest } = request.query;
      return service.as(actorOf(request)).getFlagUsage({ ...rest, ...given('flag', flag), ...given('service', name) });
    },
  );
  app.get(
    '/v1/usage/stale-flags',
    {
      config: { errors: [] },
      schema: {
        summary:
          'The flags that were not evaluated for some days, or served the same variant every time, with the reason',
        querystring: z.strictObject({ days }),
        response: { 200: staleFlags, default: problemSchema },
      },
    },
    async (request) => service.as(actorOf(request)).listStaleFlags(request.query),
  );
}
