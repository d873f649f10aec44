/** Owns the route of the export. */
import { Readable } from 'node:stream';
import { documentFormats, type DocumentFormat } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { passphraseHeaders, passphraseOf } from './passphrase-header.ts';
import { flag, place, positiveInteger, scopeQuery } from './scope-query.ts';
import { present } from './write-headers.ts';

const exportDocument = z
  .object({
    format: z.enum(['strata-export', 'strata-effective']),
    formatVersion: z.literal(1),
    environment: z.string(),
    ...place.shape,
    subtree: z.literal(true).optional(),
    encryption: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('How the key of its secrets comes from a passphrase'),
    settings: z.array(
      z.object({
        key: z.string(),
        ...place.shape,
        value: z.unknown().optional().describe('Absent where it is deleted or left out'),
        sealedVersion: z.string().optional().describe('The version that the sealed parts of the value are bound to'),
        omitted: z.literal(true).optional().describe('That it holds secrets and is left out'),
        deleted: z.literal(true).optional().describe('That there was a value, and is none any more'),
        version: z.string().optional(),
        changedBy: z.string().optional(),
        changedAt: z.iso.datetime().optional(),
        comment: z.string().nullable().optional(),
        expiresAt: z.iso.datetime().optional(),
      }),
    ),
    throughRevision: z.int().optional().describe('The last revision that changed what is in it'),
    wrappedKeys: z
      .array(z.object({ id: z.string(), keyId: z.string(), wrapped: z.string() }))
      .optional()
      .describe('The data keys of its secrets, wrapped by the key of the store'),
    checksum: z.string().describe('SHA-256 of the canonical JSON of everything else'),
  })
  .meta({ id: 'Export' });

const exportQuery = scopeQuery.extend({
  format: z.enum(documentFormats).default('json'),
  subtree: flag.describe('Also the scopes that inherit from it; at global everything'),
  at: z.iso.datetime({ offset: true }).optional().describe('As it was at that time'),
  revision: positiveInteger.optional().meta({ type: 'integer', description: 'As it was right after that commit' }),
  values: z
    .enum(['own', 'effective'])
    .default('own')
    .describe('What is stored there, or what is read there, which cannot be imported'),
  deleted: flag.describe('Also tells which keys had a value and have none any more'),
  secrets: z
    .enum(['sealed', 'masked', 'omitted'])
    .optional()
    .describe('Ciphertext that opens in a store with the same key or with the passphrase, masks, or nothing'),
});

/** The media type of each format. */
export const mediaTypes: Readonly<Record<DocumentFormat, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  env: 'text/plain',
};

/** How many characters are collected, so that a small document has an entity tag. */
const smallDocument = 1024 * 1024;

/** `GET /v1/export`. */
export function exportRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/export',
      {
        onSend: answerConditionally,
        config: { errors: ['invalid_scope'] },
        schema: {
          summary: 'The own layers of a scope as a document; the same state gives the same bytes',
          querystring: exportQuery,
          headers: passphraseHeaders,
          response: {
            200: {
              content: {
                [mediaTypes.json]: { schema: exportDocument },
                [mediaTypes.yaml]: { schema: z.string() },
                [mediaTypes.env]: { schema: z.string() },
              },
            },
            default: problemSchema,
          },
        },
      },
      async (request, reply) => {
        const { scope, scopeId, subtree, deleted, ...options } = request.query;
        const stream = service.as(actorOf(request)).exportStream(present({ scope, scopeId }), {
          ...present(options),
          subtree: subtree === 'true',
          deleted: deleted === 'true',
          ...passphraseOf(request),
        });
        const text = await beginningOf(stream);
        // The bytes as they are: written anew they would be another document.
        (reply as FastifyReply).type(`${mediaTypes[options.format]}; charset=utf-8`);
        return (reply as FastifyReply).send(text.isWhole ? text.read : Readable.from(rest(text.read, stream)));
      },
    );
    done();
  };
}

/** The document, or as much of it as makes it a large one. */
async function beginningOf(
  stream: AsyncGenerator<string, void, undefined>,
): Promise<{ readonly read: string; readonly isWhole: boolean }> {
  let read = '';
  while (read.length <= smallDocument) {
    const next = await stream.next();
    if (next.done === true) return { read, isWhole: true };
    read += next.value;
  }
  return { read, isWhole: false };
}

async function* rest(read: string, stream: AsyncGenerator<string, void, undefined>): AsyncGenerator<Buffer> {
  yield Buffer.from(read);
  for await (const part of stream) yield Buffer.from(part);
}
