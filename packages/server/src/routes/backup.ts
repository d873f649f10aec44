/** Owns the routes of backups: a whole store out as a file, and in again where there is none yet. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { tellRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { passphraseHeaders, passphraseOf } from './passphrase-header.ts';

/** The media type of a backup. */
const backupType = 'application/octet-stream';

const restoredRecord = z
  .object({
    revision: z.int().describe('Of the last commit in it'),
    rows: z.int(),
    digest: z.string().describe('SHA-256 over what is stored now, which is that of what was backed up'),
  })
  .meta({ id: 'RestoredBackup' });

/** `POST /v1/backup` and `POST /v1/backup/restore`. */
export function backupRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(backupType, (_request, payload, parsed) => parsed(null, payload));
    app.post(
      '/v1/backup',
      {
        config: { errors: [] },
        schema: {
          summary: 'The whole store as a file: every table of all environments, of one moment',
          headers: passphraseHeaders,
          response: {
            200: { content: { [backupType]: { schema: z.string().meta({ format: 'binary' }) } } },
            default: problemSchema,
          },
        },
      },
      async (request, reply) => {
        const backup = service.as(actorOf(request)).backup(passphraseOf(request));
        const answer = reply as FastifyReply;
        return answer.type(backupType).send(await spooled(backup));
      },
    );
    app.post(
      '/v1/backup/restore',
      {
        bodyLimit: Number.MAX_SAFE_INTEGER,
        config: {
          answerHeaders: writeAnswerHeaders,
          bodyTypes: [backupType],
          errors: ['backup_unreadable', 'passphrase_wrong', 'store_not_empty'],
        },
        schema: {
          summary: 'Restores a backup into this store, which has to be empty',
          headers: passphraseHeaders,
          body: z.unknown().describe('The file'),
          response: { 200: restoredRecord, default: problemSchema },
        },
      },
      async (request, reply) => {
        if (!(request.body instanceof Readable)) {
          throw new ConfigurationError('invalid_request', {
            problem: 'the body is missing; send the file of a backup',
          });
        }
        const restored = await service.as(actorOf(request)).restoreBackup(request.body, passphraseOf(request));
        tellRevision(reply, restored.revision);
        return restored;
      },
    );
    done();
  };
}

/**
 * Writes a backup to a file that nobody else can open, and reads it from there: a slow reader would hold the snapshot of the database, and an
 * embedded one lets everybody wait for that.
 */
async function spooled(backup: AsyncGenerator<Uint8Array, void, undefined>): Promise<Readable> {
  const path = join(tmpdir(), `strata-${randomUUID()}`);
  try {
    await pipeline(backup, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    // The file lives on without its name until it is closed.
    return (await open(path)).createReadStream();
  } finally {
    await rm(path, { force: true });
  }
}
