/** Owns the look at the audit log: who did what, when, as far as somebody may see it. */
import {
  ConfigurationError,
  globalScope,
  isJsonArray,
  parseId,
  parseKey,
  parseScope,
  type ConfigScope,
  type JsonObject,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import type { Place } from '../access.ts';
import type { Actor } from '../actor.ts';
import { begin, type Context } from '../context.ts';
import { parseCount } from '../history.ts';
import { readAuditLog, type LoggedRow } from '../store/audit.ts';
import { parseTime } from '../time.ts';
import { requireVisibility, takeVisible } from '../visibility.ts';

/** One row of the audit log: something that somebody did, or was refused. */
export interface AuditEntry {
  readonly id: number;
  /** What was done: `set`, `delete`, `rollback`, `schema`, `lock`, `request`, `approve`, … */
  readonly operation: string;
  /** Absent where it was about no key. */
  readonly key: string | null;
  /** Absent where it was about no scope. */
  readonly scope: ConfigScope | null;
  /** `null` at global. */
  readonly scopeId: string | null;
  readonly userId: string;
  /** `false` where it was refused. */
  readonly success: boolean;
  /** The version, its commit and comment; the change request; why it was refused, … */
  readonly metadata: JsonObject;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly createdAt: Date;
  /** The revision of the commit that it is of; `null` where it is of none. */
  readonly revision: number | null;
  /** The number of its seal; `null` while it has none. */
  readonly seal: number | null;
}

/** Which rows are listed. */
export interface AuditFilter {
  readonly key?: string;
  readonly userId?: string;
  readonly operation?: string;
  /** Only what succeeded, or only what was refused. */
  readonly success?: boolean;
  /** Only this scope. */
  readonly scope?: ScopeInput;
  /** From this time on. */
  readonly from?: Date | string;
  /** Before this time. */
  readonly to?: Date | string;
  /** Where the listing goes on: the id of the last row of the page before. */
  readonly before?: number;
  /** Default 50, at most 1,000. */
  readonly limit?: number;
}

/** Rows of the audit log, the newest first: those of keys and scopes for which the actor has the permission `audit`. */
export async function getAuditLog(context: Context, actor: Actor, filter: AuditFilter): Promise<AuditEntry[]> {
  begin(context);
  const { before, from, key, limit = 50, operation, scope, success, to, userId } = filter;
  const parsed = {
    key: key === undefined ? undefined : parseKey(key),
    userId: userId === undefined ? undefined : parseId(userId, 'userId'),
    operation: operation === undefined ? undefined : parseId(operation, 'operation'),
    success: parseSuccess(success),
    scope: scope === undefined ? undefined : parseScope(scope),
    from: from === undefined ? undefined : parseTime(from, 'from'),
    to: to === undefined ? undefined : parseTime(to, 'to'),
  };
  const start = before === undefined ? undefined : parseCount(before, 'before', Number.MAX_SAFE_INTEGER);
  const most = parseCount(limit, 'limit', 1000);
  const see = await requireVisibility(context, actor, 'audit', parsed.key, 'one');
  const rows = await takeVisible(see, most, placeOf, (size, last) =>
    readAuditLog(context.db, context.environment, { ...parsed, before: last?.id ?? start, limit: size }),
  );
  if (start === undefined) await see.requireSome(rows);
  // A request may propose more than the one change that its row is listed by.
  const listed = rows.flatMap(({ metadata }) => listedAddresses(metadata));
  const seen = new Set((await see.filter(listed, ({ place }) => place)).map(({ text }) => text));
  return rows.map((row) => toEntry(row, seen));
}

/** Where a row lies: what is about no scope is of global. */
function placeOf({ key, scope, scopeId }: LoggedRow): Place {
  const place: ScopeRef = scope === null ? globalScope : { scope, scopeId: scopeId ?? '' };
  return { ...place, key: key ?? undefined };
}

interface ListedAddress {
  readonly text: string;
  readonly place: Place;
}

/** The addresses of a request's changes, as its row lists them. */
function listedAddresses({ keys }: JsonObject): ListedAddress[] {
  if (!isJsonArray(keys)) return [];
  return keys.flatMap((text) => {
    const [, key, scope, scopeId = ''] =
      typeof text === 'string' ? (/^(\S+) at (global|org|team|user)(?: (.*))?$/s.exec(text) ?? []) : [];
    return typeof text !== 'string' || key === undefined
      ? []
      : [{ text, place: { key, scope: scope as ConfigScope, scopeId } }];
  });
}

function toEntry({ metadata, scopeId, ...row }: LoggedRow, seen: ReadonlySet<string>): AuditEntry {
  const { keys, ...others } = metadata;
  const shown = isJsonArray(keys) ? { keys: keys.filter((text) => typeof text === 'string' && seen.has(text)) } : {};
  return { ...row, scopeId: row.scope === 'global' ? null : scopeId, metadata: { ...others, ...shown } };
}

function parseSuccess(success: unknown): boolean | undefined {
  if (success === undefined || typeof success === 'boolean') return success;
  throw new ConfigurationError('invalid_argument', { argument: 'success', problem: 'give true or false' });
}
