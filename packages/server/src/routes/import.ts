/** Owns the route of the import: a document as the body, and on request how far it has come, line by line. */
import { PassThrough } from 'node:stream';
import { ConfigurationError, documentFormats, isConfigurationError, type DocumentFormat } from '@strata/core';
import type { ConfigurationManagementService, ImportOptions, ImportProgress, ImportResult } from '@strata/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema, toProblem } from '../problem.ts';
import { tellRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { mediaTypes } from './export.ts';
import { dryRunFlag, writeErrors } from './layers.ts';
import { passphraseHeaders, passphraseOf } from './passphrase-header.ts';
import { flag, optionalScopeQuery, place } from './scope-query.ts';
import { diffRecord } from './version-record.ts';
import { breakGlass, comment, present, refuseConditions } from './write-headers.ts';

/** The largest document, in bytes; the library has limits of its own for each format. */
export const documentLimit = 65 * 1024 * 1024;

const keyAt = { key: z.string(), ...place.shape };

/** What became of a document. */
export const importRecord = z
  .object({
    imported: z.int().describe('How many keys were written; with dryRun how many would be'),
    failed: z.int(),
    skipped: z.int().describe('How many had that value already, or have expired'),
    errors: z.array(z.object({ ...keyAt, error: z.string(), code: z.string() })).readonly(),
    pendingApproval: z.array(z.object({ ...keyAt, requestId: z.string().nullable() })).readonly(),
    revision: z.int().nullable().describe('Of the last commit that it made'),
    changes: z
      .array(z.object({ ...keyAt, diff: z.array(diffRecord).readonly(), requiresApproval: z.boolean() }))
      .readonly()
      .optional()
      .describe('With dryRun, what would change'),
  })
  .meta({ id: 'Import' });

/** The codes with which a document can be refused. */
export const documentErrors = [
  'malformed_document',
  'document_changed',
  'document_unsupported',
  'document_too_large',
] as const;

const importLine = z.union([
  z.object({ progress: z.object({ done: z.int(), total: z.int() }) }),
  z.object({ result: importRecord }),
  z.object({ problem: problemSchema }),
]);

const importQuery = optionalScopeQuery.extend({
  format: z.enum(documentFormats).optional().describe('Default: by the type of the body'),
  mode: z.enum(['merge', 'replace']).default('merge').describe('Whether what the document does not name stays or goes'),
  atomic: flag.describe('All or nothing, as one commit or one change request'),
  dryRun: dryRunFlag,
  verify: z.enum(['true', 'false']).default('true').describe('false admits an export that was edited by hand'),
  force: flag.describe('Goes ahead although values below become invalid, or nothing is left'),
  breakGlass,
  comment,
});

const lines = 'application/x-ndjson';

/** `POST /v1/import`. */
export function importRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    // The text as it was sent: parsed and written anew, names that stand there twice would be gone.
    app.removeAllContentTypeParsers();
    for (const type of Object.values(mediaTypes)) {
      app.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: documentLimit }, (_request, body, done) => {
        done(null, body);
      });
    }
    app.post(
      '/v1/import',
      {
        bodyLimit: documentLimit,
        preValidation: refuseConditions,
        config: {
          answerHeaders: writeAnswerHeaders,
          bodyTypes: Object.values(mediaTypes),
          errors: [
            ...documentErrors,
            'passphrase_wrong',
            'replaces_everything',
            ...writeErrors.filter((code) => code !== 'conflict' && code !== 'idempotency_conflict'),
          ],
        },
        schema: {
          summary: 'Imports a document: an export, or an object of keys and values',
          querystring: importQuery,
          headers: passphraseHeaders,
          body: z.unknown().describe('The document, in the format that its type says'),
          response: {
            200: { content: { 'application/json': { schema: importRecord }, [lines]: { schema: importLine } } },
            default: problemSchema,
          },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        const { scope, scopeId, format, atomic, dryRun, verify, force, ...rest } = request.query;
        const options = {
          ...present(rest),
          atomic: atomic === 'true',
          dryRun: dryRun === 'true',
          verify: verify === 'true',
          force: force === 'true',
          ...passphraseOf(request),
        };
        const target = scope === undefined && scopeId === undefined ? undefined : { scope: scope ?? 'global', scopeId };
        const run = (onProgress?: ImportOptions['onProgress']): Promise<ImportResult> =>
          service.as(actor).importConfig(textOf(request), format ?? formatOf(request), actor.id, target, {
            ...options,
            ...present({ onProgress }),
          });
        const answer = reply as FastifyReply;
        if (request.headers.accept?.includes(lines) === true) return tellByLine(request, answer, run);
        const result = await run();
        if (result.revision !== null) tellRevision(answer, result.revision);
        return answer.send(result);
      },
    );
    done();
  };
}

function formatOf({ headers }: FastifyRequest): DocumentFormat {
  const type = headers['content-type'] ?? '';
  return documentFormats.find((format) => type.startsWith(mediaTypes[format])) ?? 'json';
}

/** @throws ConfigurationError `invalid_request`, `malformed_document`. */
function textOf({ body, headers }: FastifyRequest): string {
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw new ConfigurationError('unsupported_media_type', { type: `encoded as ${headers['content-encoding']}` });
  }
  if (!Buffer.isBuffer(body)) throw new ConfigurationError('invalid_request', { problem: 'the body is missing' });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (error) {
    throw new ConfigurationError('invalid_request', { problem: 'the document is not UTF-8' }, { cause: error });
  }
}

/** Answers with a line for each step, and one with the outcome. What is refused before the first step is told as everywhere. */
async function tellByLine(
  request: FastifyRequest,
  reply: FastifyReply,
  run: (onProgress: ImportOptions['onProgress']) => Promise<ImportResult>,
): Promise<FastifyReply> {
  const stream = new PassThrough();
  const write = (line: z.output<typeof importLine>): void => void stream.write(`${JSON.stringify(line)}\n`);
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const running = run((progress: ImportProgress) => {
    write({ progress });
    begin();
  });
  await Promise.race([begun, running]);
  void running
    .then((result) => write({ result }))
    .catch((error: unknown) => {
      if (!isConfigurationError(error)) request.log.error({ err: error, requestId: request.id }, 'an import failed');
      write({ problem: toProblem(error, request.id) });
    })
    .finally(() => stream.end());
  return reply.type(lines).send(stream);
}
