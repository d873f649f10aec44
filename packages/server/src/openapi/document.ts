/** Owns the API's document: OpenAPI 3.1, made from the same schemas that check requests and write answers. */
import { readFileSync } from 'node:fs';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { problemSchema } from '../problem.ts';
import { toJsonSchema, type Part } from './json-schema.ts';
import { describeRoute } from './operation.ts';
import type { Components } from './refusals.ts';

/**
 * Collects the routes that are added to `app` from now on. The answer makes the document of those added so far, as JSON text.
 */
export function collectRoutes(app: FastifyInstance): () => string {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => void routes.push(route));
  return () => JSON.stringify(describe(routes));
}

function describe(routes: readonly RouteOptions[]): Part {
  const components: Components = { schemas: new Map(), responses: new Map() };
  toJsonSchema(problemSchema, 'output', components.schemas);
  const paths: Record<string, Record<string, Part>> = {};
  for (const route of routes) {
    for (const method of [route.method].flat()) {
      // Every GET has a HEAD, which the framework adds.
      if (method === 'HEAD') continue;
      const { path, method: name, operation } = describeRoute(route, method, components);
      (paths[path] ??= {})[name] = operation;
    }
  }
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/' }],
    paths: sorted(paths),
    components: {
      schemas: sorted(Object.fromEntries(components.schemas)),
      responses: sorted(Object.fromEntries(components.responses)),
    },
  };
}

function sorted<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const info = {
  title: 'Strata',
  version,
  summary: 'The configuration plane for multi-tenant applications',
  description:
    'Every answer of status 400 and above is a problem (RFC 9457) whose `code` is a stable word of the error catalogue. A scope is `scope` and, except for global, `scopeId`. Bodies are JSON in UTF-8.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
};
