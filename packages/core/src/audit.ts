/** Owns what the audit log is proven by: the text of a row, the chain of seals over the rows, and the statement of a checkpoint. */
import { ConfigurationError, describeInput } from './errors.ts';

/** A row of the audit log, as it is stored. */
export interface AuditRow {
  readonly id: number;
  readonly environment: string;
  readonly revision: number | null;
  readonly operation: string;
  readonly key: string | null;
  readonly scope: string | null;
  readonly scopeId: string | null;
  readonly userId: string;
  readonly success: boolean;
  /** The text of the JSON, as the database gives it. */
  readonly metadata: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  /** Microseconds since 1970. */
  readonly time: number;
}

/** SHA-256 of a text in UTF-8, as lower-case hex. */
export type Sha256 = (text: string) => string;

/** The text over which a row's code is made: a JSON array of its fields, with a space after each comma, as the database writes it. */
export function auditRowText(row: AuditRow): string {
  const fields = [
    row.id,
    row.environment,
    row.revision,
    row.operation,
    row.key,
    row.scope,
    row.scopeId,
    row.userId,
    row.success,
    row.metadata,
    row.ip,
    row.userAgent,
    row.requestId,
    row.time,
  ];
  return `[${fields.map((field) => JSON.stringify(field)).join(', ')}]`;
}

/** The link before the first one of a chain. */
export function firstAuditLink(sha256: Sha256, store: string, environment: string): string {
  return sha256(`strata-audit-chain/1\n${store}\n${environment}`);
}

/**
 * The link of one seal: over the link before it, its number, the row's text and the row's code (empty where it has none). Whoever has the rows
 * can make it; that it is the store's own is told by the code of the seal and by the signed checkpoints.
 */
export function nextAuditLink(
  sha256: Sha256,
  before: string,
  number: number,
  rowText: string,
  mac: string | null,
): string {
  return sha256(`${before}\n${String(number)}\n${sha256(`${rowText}\n${mac ?? ''}`)}`);
}

/** The text over which the code of a seal is made. */
export function auditSealText(environment: string, number: number, auditId: number, chain: string): string {
  return JSON.stringify([environment, number, auditId, chain]);
}

/** What a signed checkpoint states. */
export interface AuditStatement {
  readonly format: 'strata-audit-checkpoint/1';
  /** The id of the store. */
  readonly store: string;
  readonly environment: string;
  /** Counts the checkpoints of the environment, from 1. */
  readonly sequence: number;
  /** `retention` where the rows up to `number` were removed under it. */
  readonly kind: 'checkpoint' | 'retention';
  /** The last seal that it covers; 0 where there is none yet. */
  readonly number: number;
  /** The link of that seal. */
  readonly chain: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly by: string;
  /** The id of the key that it is signed with. */
  readonly key: string;
  /** Why rows were removed. */
  readonly reason?: string;
  /** The newest revision of the rows that were removed. */
  readonly revision?: number;
}

/** A statement with its signature; what is shipped elsewhere. */
export interface AuditCheckpoint extends Omit<AuditStatement, 'format'> {
  /** The text that is signed: the statement as JSON. */
  readonly statement: string;
  /** Ed25519 over the statement in UTF-8, as base64. */
  readonly signature: string;
  /** The key that the signature is checked with: SPKI, as base64. */
  readonly publicKey: string;
}

const link = /^[0-9a-f]{64}$/;

/** What a statement says; undefined for a text that is none. */
export function readAuditStatement(statement: unknown): AuditStatement | undefined {
  if (typeof statement !== 'string') return undefined;
  try {
    const read: unknown = JSON.parse(statement);
    return isStatement(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** The same. @throws ConfigurationError `invalid_argument` for a text that is none. */
export function parseAuditStatement(statement: unknown): AuditStatement {
  const read = readAuditStatement(statement);
  if (read !== undefined) return read;
  throw new ConfigurationError('invalid_argument', {
    argument: 'checkpoint',
    problem: `${describeInput(statement)} is no statement of an audit checkpoint; give one as createAuditCheckpoint answers it`,
  });
}

function isStatement(read: unknown): read is AuditStatement {
  if (typeof read !== 'object' || read === null) return false;
  const { format, store, environment, sequence, kind, number, chain, createdAt, by, key } = read as Record<
    string,
    unknown
  >;
  return (
    format === 'strata-audit-checkpoint/1' &&
    [store, environment, createdAt, by, key].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(sequence) &&
    Number.isSafeInteger(number) &&
    (kind === 'checkpoint' || kind === 'retention') &&
    typeof chain === 'string' &&
    link.test(chain)
  );
}

/** What of the audit log does not hold. */
export type AuditFindingKind =
  /** A row is not what was written, or its seal is not of it. */
  | 'row_changed'
  /** A sealed row, or one that waits for its seal, is gone. */
  | 'row_missing'
  /** A row that no holder of the key wrote, or that was put beside the log. */
  | 'row_inserted'
  /** A seal is not what the sealer wrote. */
  | 'seal_changed'
  /** A seal is gone: the numbers have a gap. */
  | 'seal_missing'
  /** The chain ends before a signed checkpoint. */
  | 'truncated'
  /** A checkpoint is not what was signed, or the chain is another one than it signed. */
  | 'checkpoint_invalid'
  /** A version is not what its hash says. */
  | 'version_changed'
  /** A current value is not that of the newest version of its address. */
  | 'value_changed'
  /** A version that no row of the log is about. */
  | 'version_unrecorded'
  /** A key that is needed is not there. */
  | 'key_missing';

/** One thing that does not hold, by name. */
export interface AuditFinding {
  readonly kind: AuditFindingKind;
  /** The row of the audit log. */
  readonly id?: number;
  /** The seal. */
  readonly number?: number;
  /** The version, in full. */
  readonly version?: string;
  /** In words, with what is concerned. */
  readonly message: string;
}
