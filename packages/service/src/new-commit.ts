/** Owns how commits and intents begin: who, why, and by what a repeated call is known. */
import { randomUUID } from 'node:crypto';
import { ConfigurationError, parseId, type Address, type JsonValue } from '@strata/core';
import type { Actor } from './actor.ts';
import { digestOf } from './digest.ts';
import type { Intent, ValueChange } from './intent.ts';
import type { CommitOperation } from './store/commits.ts';
import type { NewCommit } from './store/write.ts';

/** The options of a write that its intent is made of. */
export interface IntentOptions {
  readonly force?: boolean;
  readonly idempotencyKey?: string;
  readonly breakGlass?: string;
}

/** Makes the commit of a call. */
export function newCommit(
  actor: Actor,
  operation: CommitOperation,
  request: JsonValue,
  comment: string | undefined,
  options: {
    readonly idempotencyKey?: string | undefined;
    readonly about?: Partial<Address>;
    readonly metadata?: NewCommit['metadata'];
  } = {},
): NewCommit {
  const id = randomUUID();
  const said = parseComment(comment);
  return {
    id,
    operation,
    about: options.about,
    actor: actor.id,
    comment: said,
    idempotencyKey: options.idempotencyKey === undefined ? id : parseId(options.idempotencyKey, 'idempotencyKey'),
    requestDigest: digestOf([operation, actor.id, said, request]),
    metadata: options.metadata ?? {},
    ip: actor.ip ?? null,
    userAgent: actor.userAgent ?? null,
    requestId: actor.requestId ?? null,
  };
}

const maxCommentLength = 10_000;

/** Checks a comment; an empty one is none. @throws ConfigurationError `invalid_argument`. */
export function parseComment(comment: unknown): string | null {
  if (comment === undefined || comment === null || comment === '') return null;
  const problem =
    typeof comment !== 'string'
      ? `it must be a text, and is ${typeof comment}`
      : comment.length > maxCommentLength
        ? `it has ${String(comment.length)} characters, and ${String(maxCommentLength)} are allowed`
        : comment.includes('\u0000') || !comment.isWellFormed()
          ? 'it contains U+0000 or half of a surrogate pair'
          : undefined;
  if (problem !== undefined) throw new ConfigurationError('invalid_argument', { argument: 'comment', problem });
  return comment as string;
}

/** Checks a reason, which has to say something. @throws ConfigurationError `reason_required` or `invalid_argument`. */
export function parseReason(reason: unknown, argument = 'reason'): string {
  const said = typeof reason === 'string' ? parseComment(reason.trim()) : parseComment(reason);
  if (said !== null) return said;
  throw new ConfigurationError('reason_required', { problem: `${argument} is empty` });
}

/**
 * Makes the intent of a commit of value changes.
 * @param asked what the caller asked for in his own words, by which a repeated call is known: `HEAD~1` means another version by then.
 *   Default: the changes.
 */
export function newIntent(
  actor: Actor,
  changes: readonly ValueChange[],
  comment: string | undefined,
  options: IntentOptions,
  asked: JsonValue = changes.map(inWords),
): Intent {
  const { breakGlass, idempotencyKey } = options;
  const metadata = breakGlass === undefined ? {} : { breakGlass: parseReason(breakGlass, 'breakGlass') };
  const commit = newCommit(actor, 'change', asked, comment, { idempotencyKey, metadata });
  return {
    commit,
    words: ['change', actor.id, commit.comment, asked],
    actor,
    changes,
    force: options.force === true,
    gate: breakGlass === undefined ? 'refuse' : 'pass',
  };
}

function inWords({ key, scope, scopeId, value, expiresAt, expected }: ValueChange): JsonValue {
  const written = value === undefined ? [] : [value];
  return [key, scope, scopeId, written, expiresAt?.toISOString() ?? null, expected?.text ?? null];
}
