/** Owns the description of one route in the API's document. */
import { STATUS_CODES } from 'node:http';
import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import { actorHeader, serviceHeader } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { toJsonSchema, type JsonSchema, type Part } from './json-schema.ts';
import { refusal, refusalsOf, type Components } from './refusals.ts';

/** The schema of a route: each part a Zod schema. */
interface RouteSchema {
  readonly summary?: string;
  readonly params?: z.ZodObject;
  readonly querystring?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly response?: Readonly<
    Record<string, z.ZodType | { readonly content: Readonly<Record<string, { schema: z.ZodType }>> }>
  >;
}

/** A route as the document tells of it. */
export interface Described {
  /** With `{key}` where the route takes the rest of the path, and `{name}` where it takes a segment. */
  readonly path: string;
  /** In small letters. */
  readonly method: string;
  readonly operation: Part;
}

/** Describes a route for one of its methods. */
export function describeRoute(route: RouteOptions, method: string, components: Components): Described {
  const schema = (route.schema ?? {}) as RouteSchema;
  const path = route.url.replace('*', '{key}').replaceAll(/:(\w+)/g, '{$1}');
  const conditional = route.onSend === answerConditionally;
  const parameters = [
    ...(route.url.includes('*') ? [keyParameter] : parametersOf('path', schema.params, components)),
    ...parametersOf('query', schema.querystring, components),
    ...(conditional ? [heldParameter] : []),
    ...parametersOf('header', schema.headers, components),
    ...(path.startsWith('/v1/') ? [actorParameter, serviceParameter] : []),
  ];
  const operation = {
    operationId: nameOf(path, method),
    summary: schema.summary,
    tags: [path.split('/')[2] ?? 'server'],
    parameters,
    ...(schema.body === undefined ? {} : { requestBody: bodyOf(schema.body, components, route.config?.bodyTypes) }),
    responses: {
      ...successes(
        schema,
        { ...(conditional ? { etag: entityTag } : {}), ...route.config?.answerHeaders },
        conditional,
        components,
      ),
      ...failures(route, method, Object.keys(schema.headers?.shape ?? {}), components),
    },
  };
  return { path, method: method.toLowerCase(), operation };
}

/** `getValuesKey` for `GET /v1/values/{key}`. */
function nameOf(path: string, method: string): string {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== '' && word !== 'v');
  return (
    method.toLowerCase() +
    (words.length === 0 ? ['page'] : words).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  );
}

const keyParameter = {
  name: 'key',
  in: 'path',
  required: true,
  description: 'The key, as it is: its / and : are not percent-encoded.',
  schema: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,254}$' },
};

const actorParameter = {
  name: actorHeader,
  in: 'header',
  required: false,
  description: 'Who acts. There is no login yet: it is believed. Default: anonymous.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const serviceParameter = {
  name: serviceHeader,
  in: 'header',
  required: false,
  description: 'The service for which is read, for usage counters. Default: it has no name.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const heldParameter = {
  name: 'if-none-match',
  in: 'header',
  required: false,
  description: 'The entity tag of an answer that the caller holds; while it is still right the answer is 304.',
  schema: { type: 'string' },
};

function parametersOf(
  place: 'path' | 'query' | 'header',
  schema: z.ZodObject | undefined,
  components: Components,
): Part[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = toJsonSchema(schema, 'input', components.schemas);
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as JsonSchema;
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function bodyOf(schema: z.ZodType, components: Components, types: readonly string[] = ['application/json']): Part {
  const content = { schema: toJsonSchema(schema, 'input', components.schemas) };
  return { required: true, content: Object.fromEntries(types.map((type) => [type, content])) };
}

const entityTag = { description: 'Names this answer; for a layer its version in quotes.', schema: { type: 'string' } };

function successes({ response = {} }: RouteSchema, headers: Part, conditional: boolean, components: Components): Part {
  const described = Object.entries(response)
    .filter(([status]) => status !== 'default')
    .map(
      ([status, schema]) =>
        [status, { description: STATUS_CODES[status] ?? status, ...contentOf(schema, components) }] as const,
    );
  const headed =
    Object.keys(headers).length === 0
      ? described
      : described.map(([status, answer]) => [status, { ...answer, headers }] as const);
  if (!conditional) return Object.fromEntries(headed);
  return { ...Object.fromEntries(headed), 304: { description: 'The answer that the caller holds is still right' } };
}

type Answer = NonNullable<RouteSchema['response']>[string];

function contentOf(answer: Answer, components: Components): Part {
  if (answer instanceof z.ZodUndefined) return {};
  const content = answer instanceof z.ZodType ? { 'application/json': { schema: answer } } : answer.content;
  const described = Object.entries(content).map(
    ([type, { schema }]) => [type, { schema: toJsonSchema(schema, 'output', components.schemas) }] as const,
  );
  return { content: Object.fromEntries(described) };
}

function failures(
  { url, config }: RouteOptions,
  method: string,
  headers: readonly string[],
  components: Components,
): Part {
  const refusals = refusalsOf({ method, url, errors: config?.errors ?? [], headers });
  return Object.fromEntries([...refusals].map(([status, codes]) => [status, refusal(codes, components)]));
}
