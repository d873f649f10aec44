/** Owns the option `audit` of a service, and the parts that it asks for. */
import { ConfigurationError, type AuditCheckpoint } from '@strata/core';
import type { Audit, Context } from '../context.ts';
import { AuditKeyRing } from './key-ring.ts';
import { ReadLog } from './reads.ts';
import { AuditSealer } from './sealer.ts';

/** What the audit log takes down besides writes, and how it is sealed. */
export interface AuditOptions {
  /** `all`: ordinary reads are noted too, in batches of about a second, equal ones as one row with their number. Default: none. */
  readonly reads?: 'all' | 'none';
  /**
   * Whether this process seals what is written, about every second, and signs a checkpoint every five minutes. One process of a store is
   * enough, and several do not disturb each other. Default: false.
   */
  readonly seal?: boolean;
  /** Is handed each checkpoint that this process makes, to be kept elsewhere. What it throws is told to `onWarning`. */
  readonly onCheckpoint?: (checkpoint: AuditCheckpoint) => unknown;
}

const names: ReadonlySet<string> = new Set<keyof AuditOptions>(['reads', 'seal', 'onCheckpoint']);

/** Makes the parts. @param secret what the keys are made of; undefined while this process has none. */
export function auditOf(
  context: () => Context,
  { reads = 'none', seal = false, onCheckpoint }: AuditOptions,
  secret: () => Promise<Uint8Array | undefined>,
): Audit {
  return {
    keys: new AuditKeyRing(secret),
    sealer: seal ? new AuditSealer(context) : undefined,
    reads: reads === 'all' ? new ReadLog(context) : undefined,
    onCheckpoint,
  };
}

/** Checks the option. @throws ConfigurationError `invalid_argument`. */
export function checkAuditOptions(given: unknown): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null) refuse('give an object, like { seal: true }');
  for (const name of Object.keys(given)) {
    if (!names.has(name)) refuse(`there is no option ${name}; there are ${[...names].join(', ')}`);
  }
  const { reads, seal, onCheckpoint } = given as Readonly<Record<keyof AuditOptions, unknown>>;
  if (reads !== undefined && reads !== 'all' && reads !== 'none') refuse("give 'all' or 'none' as reads");
  if (seal !== undefined && typeof seal !== 'boolean') refuse('give true or false as seal');
  if (onCheckpoint !== undefined && typeof onCheckpoint !== 'function') refuse('give a function as onCheckpoint');
}

function refuse(problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument: 'audit', problem });
}
