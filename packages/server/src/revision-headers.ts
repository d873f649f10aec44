/** Owns how HTTP tells the revision and the age of an answer, and how a reader asks for a revision. */
import type { ReadAge, ReadOptions } from '@strata/service';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

const revisionText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'must be a revision: a whole number')
  .transform(Number)
  .optional();

/** The revision that a read has to be of at least, as a header. Other headers pass. */
export const minRevisionHeaders = z.looseObject({
  'strata-min-revision': revisionText.describe(
    'A revision that was seen before, such as the Strata-Revision of a write: the answer is of that one or a later one, or 503 revision_not_reached',
  ),
});

/** The same in a query, where a header is hard to send. */
export const minRevisionQuery = { minRevision: revisionText.describe('As the header Strata-Min-Revision') };

/** What a request asks of a read. Asked in both places, the later revision counts. */
export function readOptions(
  headers: z.output<typeof minRevisionHeaders>,
  minRevision: number | undefined,
): ReadOptions | undefined {
  const wanted = Math.max(headers['strata-min-revision'] ?? 0, minRevision ?? 0);
  return wanted === 0 ? undefined : { minRevision: wanted };
}

/** Tells the age of a read: `Age` as HTTP has it, in whole seconds. */
export function tellAge(reply: FastifyReply, { revision, age, stale }: ReadAge): void {
  tellRevision(reply, revision);
  reply.header('age', String(Math.floor(age / 1000)));
  // RFC 9111 has done away with `Warning: 110`, which said the same.
  if (stale) reply.header('strata-stale', 'true');
}

/** Tells the revision of what was read or written. */
export function tellRevision(reply: FastifyReply, revision: number): void {
  reply.header('strata-revision', String(revision));
}

/** Tells the revision of a version or a commit, and answers it. */
export function withRevision<T extends { readonly revision: number }>(reply: FastifyReply, written: T): T {
  tellRevision(reply, written.revision);
  return written;
}

const revisionHeader = {
  description: 'The revision of this answer; as Strata-Min-Revision it lets no later read see anything older',
  schema: { type: 'integer', minimum: 0 },
};

/** The headers of an answer to a write, for the API's document. */
export const writeAnswerHeaders = { 'strata-revision': revisionHeader } as const;

/** The headers of an answer to a read, for the API's document. */
export const readAnswerHeaders = {
  'strata-revision': revisionHeader,
  age: {
    description: 'How old the answer may be at most, in seconds',
    schema: { type: 'integer', minimum: 0 },
  },
  'strata-stale': {
    description: 'true where the answer is from memory because the database is away; absent otherwise',
    schema: { type: 'string', const: 'true' },
  },
} as const;
