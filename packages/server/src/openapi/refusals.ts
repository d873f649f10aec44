/** Owns which refusals the API's document tells of each route, by status. */
import { errorCatalogue, type ErrorCode } from '@strata/core';
import type { JsonSchema, Part } from './json-schema.ts';

/** What a document has to know of a route to tell how it can fail. */
export interface Refusing {
  readonly method: string;
  readonly url: string;
  /** The codes that the route itself declares. */
  readonly errors: readonly ErrorCode[];
  /** The headers that it reads. */
  readonly headers: readonly string[];
}

const everywhere: readonly ErrorCode[] = [
  'invalid_request',
  'invalid_path',
  'host_not_allowed',
  'request_timeout',
  'headers_too_large',
  'internal_error',
];
const ofStore: readonly ErrorCode[] = ['invalid_argument', 'not_permitted', 'unavailable', 'closed', 'not_migrated'];
const ofWrites: readonly ErrorCode[] = [
  'cross_site',
  'approval_required',
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'busy',
  'outcome_unknown',
  'storage_full',
];

const common: ReadonlySet<ErrorCode> = new Set([...everywhere, ...ofStore, ...ofWrites]);

/** The codes with which a route can refuse, by status, in order. */
export function refusalsOf(route: Refusing): ReadonlyMap<number, readonly ErrorCode[]> {
  const codes = [
    ...everywhere,
    ...(route.url.startsWith('/v1/') && route.url !== '/v1/openapi.json' ? ofStore : []),
    ...(route.method === 'GET' ? [] : ofWrites),
    ...route.errors,
  ];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...new Set(codes)].sort()) {
    for (const status of statusesOf(code, route.headers)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b));
}

/** HTTP has statuses of its own for what a header asked for. */
function statusesOf(code: ErrorCode, headers: readonly string[]): readonly number[] {
  const { status } = errorCatalogue[code];
  if (code === 'conflict' && headers.includes('if-match')) return [412];
  if (code === 'idempotency_conflict' && headers.includes('idempotency-key')) return [status, 422];
  return [status];
}

/** The parts of a document that operations refer to, by name. */
export interface Components {
  readonly schemas: Map<string, JsonSchema>;
  readonly responses: Map<string, Part>;
}

/** The response of one status. One that no route has for itself alone becomes a component. */
export function refusal(codes: readonly ErrorCode[], { responses }: Components): Part {
  const response = {
    description: codes.map((one) => `\`${one}\``).join(', '),
    content: {
      'application/problem+json': {
        schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }] },
      },
    },
  };
  if (!codes.every((code) => common.has(code))) return response;
  const name = codes.join('.');
  responses.set(name, response);
  return { $ref: `#/components/responses/${name}` };
}
