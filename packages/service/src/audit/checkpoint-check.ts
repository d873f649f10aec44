/** Owns the proof of checkpoints: that they were signed with a key of the store, say what is stored beside them, and leave no gap. */
import {
  ConfigurationError,
  parseAuditStatement,
  readAuditStatement,
  type AuditCheckpoint,
  type AuditStatement,
} from '@strata/core';
import type { Sql } from '../db/database.ts';
import { readCheckpoints, type StoredCheckpoint } from '../store/audit-seals.ts';
import { readStoreIdentity } from '../store/store-identity.ts';
import { isSigned } from './checkpoints.ts';
import type { Findings } from './findings.ts';
import type { Vault } from '../secrets/vault.ts';
import type { AuditKey } from './key-ring.ts';

/** What a part of a verification works on. */
export interface Verifying {
  readonly sql: Sql;
  readonly environment: string;
  readonly vault: Vault;
  readonly key: AuditKey;
  readonly findings: Findings;
}

/** The checkpoints whose signatures hold. */
export interface SignedCheckpoints {
  readonly count: number;
  /** The last one under which rows were removed. */
  readonly retention: AuditStatement | undefined;
  /** What they signed, by number of the seal. */
  readonly links: ReadonlyMap<number, readonly AuditStatement[]>;
}

const pageSize = 1000;

/** Checks the stored checkpoints and those that were kept elsewhere. */
export async function verifyCheckpoints(
  at: Verifying,
  shipped: readonly Pick<AuditCheckpoint, 'statement' | 'signature'>[],
): Promise<SignedCheckpoints> {
  const { id } = await readStoreIdentity(at.sql);
  const links = new Map<number, AuditStatement[]>();
  const trusted: AuditStatement[] = [];
  const keep = (statement: AuditStatement): void => {
    trusted.push(statement);
    links.set(statement.number, [...(links.get(statement.number) ?? []), statement]);
  };
  let count = 0;
  for await (const stored of storedCheckpoints(at)) {
    count += 1;
    const statement = readAuditStatement(stored.statement);
    const problem = problemOf(at, id, stored, statement);
    if (statement === undefined || problem !== undefined) {
      complain(at, stored.number, `The checkpoint ${String(stored.sequence)} ${problem ?? ''}.`);
    } else keep(statement);
  }
  for (const { statement: text, signature } of shipped) {
    const statement = parseShipped(text, id, at.environment);
    const { sequence, number } = statement;
    const problem = problemOf(at, id, { ...statement, statement: text, signature }, statement);
    if (problem === undefined) keep(statement);
    else complain(at, number, `The checkpoint ${String(sequence)} that was given ${problem}.`);
  }
  const removals = trusted.filter(({ kind }) => kind === 'retention');
  return { count, retention: removals.reduce(later, undefined), links };
}

function later(a: AuditStatement | undefined, b: AuditStatement): AuditStatement {
  return a === undefined || b.number >= a.number ? b : a;
}

function complain({ findings }: Verifying, number: number, message: string): void {
  findings.add({ kind: 'checkpoint_invalid', number, message });
}

/** The stored ones, the newest first, with a complaint for each that is missing between them. */
async function* storedCheckpoints(at: Verifying): AsyncGenerator<StoredCheckpoint> {
  let before: number | undefined;
  for (;;) {
    const page = await readCheckpoints(at.sql, at.environment, { before, limit: pageSize });
    for (const checkpoint of page) {
      if (before !== undefined && checkpoint.sequence !== before - 1) missing(at, checkpoint, before);
      before = checkpoint.sequence;
      yield checkpoint;
    }
    if (page.length < pageSize) break;
  }
  if (before !== undefined && before > 1) missing(at, { number: 0, sequence: 0 }, before);
}

function missing(at: Verifying, { number, sequence }: Pick<AuditStatement, 'number' | 'sequence'>, next: number): void {
  complain(at, number, `The checkpoints between ${String(sequence)} and ${String(next)} are gone.`);
}

/** Why a checkpoint is not to be believed; undefined where it is. */
function problemOf(
  { environment, key }: Verifying,
  store: string,
  checkpoint: Omit<StoredCheckpoint, 'publicKey'> & Partial<Pick<StoredCheckpoint, 'publicKey'>>,
  statement: AuditStatement | undefined,
): string | undefined {
  if (statement === undefined) return 'holds no statement any more';
  if (statement.key !== key.id) return `is signed with the key ${statement.key}, which is not known here`;
  const isByKey = checkpoint.publicKey === undefined || checkpoint.publicKey === key.publicKey;
  if (!isByKey || !isSigned(key.publicKey, checkpoint.statement, checkpoint.signature)) {
    return 'is not what a key of this store signed';
  }
  const isHere =
    statement.store === store &&
    statement.environment === environment &&
    statement.sequence === checkpoint.sequence &&
    statement.kind === checkpoint.kind &&
    statement.number === checkpoint.number;
  return isHere ? undefined : 'is stored beside other figures than it states';
}

/** What a checkpoint that was kept elsewhere states. @throws ConfigurationError `invalid_argument` for one of another store. */
function parseShipped(text: string, store: string, environment: string): AuditStatement {
  const stated = parseAuditStatement(text);
  if (stated.store === store && stated.environment === environment) return stated;
  throw new ConfigurationError('invalid_argument', {
    argument: 'checkpoints',
    problem: `the checkpoint ${String(stated.sequence)} is of the store ${stated.store}, environment ${stated.environment}, and not of this one`,
  });
}
