/** Owns `strata audit`: who did what, and the proof of it. */
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import type { AuditEntry, AuditVerification } from '@strata/client';
import type { AuditCheckpoint, AuditFinding, JsonObject } from '@strata/core';
import { type Command, InvalidArgumentError } from 'commander';
import { verifyExportFile } from '../audit-file.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { localTime, scopeName, show, table } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';
import { parseMoment } from '../time-input.ts';

/** Adds `strata audit` with its subcommands. */
export function addAuditCommand(program: Command): void {
  const audit = program.command('audit').description('see who did what, and prove that the record of it is whole');
  addLog(audit);
  addVerify(audit);
  addCheckpoint(audit);
  addExport(audit);
  addPrune(audit);
}

type LogFlags = ConnectionFlags &
  ScopeFlags & {
    readonly by?: string;
    readonly operation?: string;
    readonly refused?: boolean;
    readonly since?: string;
    readonly until?: string;
    readonly limit: number;
    readonly before?: number;
  };

function addLog(audit: Command): void {
  const command = addRemoteCommand(audit, 'log', 'list the audit log, newest first', [
    'audit log',
    'audit log branding --org acme',
    'audit log --by ann --since 7d --json',
    'audit log --refused',
  ])
    .argument('[key]', 'only rows about this key')
    .option('--by <user>', 'only what this user did')
    .option('--operation <name>', 'only this: set, delete, schema, approve …')
    .option('--refused', 'only what was refused')
    .option('--since <time>', 'from this time on: ISO 8601, or 7d for the last seven days')
    .option('--until <time>', 'before this time')
    .option('-n, --limit <count>', 'at most so many: 1 to 1000', parseCount, 20)
    .option('--before <id>', 'the page after the row of this id', parseCount);
  addScope(command, 'all scopes').action(async (key: string | undefined, flags: LogFlags) => {
    const { by, operation, refused, since, until, limit, before } = flags;
    const now = new Date();
    const { entries } = await openClient(flags).getAuditLog({
      ...{ key, userId: by, operation, limit, before, scope: namedScope(flags) },
      success: refused === true ? false : undefined,
      from: since === undefined ? undefined : parseMoment(since, '--since', 'ago', now),
      to: until === undefined ? undefined : parseMoment(until, '--until', 'ago', now),
    });
    show(flags, entries, showEntries);
    const last = entries.at(-1);
    if (last !== undefined && entries.length === limit && flags.json !== true) {
      process.stderr.write(`There may be more: add --before ${String(last.id)}\n`);
    }
  });
}

function showEntries(entries: readonly AuditEntry[], colours: Colours): string {
  if (entries.length === 0) return 'No rows.';
  return table(
    colours,
    ['id', 'time', 'user', 'operation', 'key', 'scope', 'outcome', 'seal', 'what'],
    entries.map(({ id, createdAt, userId, operation, key, scope, scopeId, success, seal, metadata }) => [
      String(id),
      localTime(createdAt),
      printable(userId),
      printable(operation),
      key === null ? null : printable(key),
      scope === null ? null : scopeName({ scope, scopeId }),
      success ? 'done' : 'refused',
      seal === null ? null : String(seal),
      whatOf(metadata),
    ]),
  );
}

/** What most wants to be seen of a row's metadata. */
function whatOf({ comment, reason, code, justification, version }: JsonObject): string | null {
  const text = comment ?? reason ?? justification ?? code ?? version;
  return typeof text === 'string' ? printable(text) : null;
}

type VerifyFlags = ConnectionFlags & {
  readonly checkpoint?: readonly string[];
  readonly file?: string;
  readonly publicKey?: readonly string[];
};

function addVerify(audit: Command): void {
  addRemoteCommand(audit, 'verify', 'prove the audit log, or an exported one without any server', [
    'audit verify',
    'audit verify --checkpoint kept/*.json',
    'audit verify --file audit.ndjson --public-key MCowBQYDK2VwAyEA…',
  ])
    .option(
      '--checkpoint <files...>',
      'checkpoints that were kept elsewhere, which show where the end of the log is gone',
    )
    .option('--file <file>', 'an export, which is checked here, offline')
    .option('--public-key <keys...>', 'with --file: the keys that may have signed, as checkpoints name them')
    .action(async (flags: VerifyFlags) => {
      const { file } = flags;
      if (file !== undefined) await verifyFile(file, flags);
      else {
        const checkpoints = await Promise.all((flags.checkpoint ?? []).map(readCheckpoint));
        const verified = await openClient(flags).verifyAudit(checkpoints.length === 0 ? undefined : checkpoints);
        show(flags, verified, showVerification);
        failOn(verified.findingCount, 'The audit log does not hold');
      }
    });
}

async function verifyFile(file: string, flags: VerifyFlags): Promise<void> {
  const result = await verifyExportFile(file, flags.publicKey);
  show(flags, result, (answer) => {
    const range = `${String(answer.rows)} rows, seals ${String(answer.from)} to ${String(answer.signedThrough)}, ${String(answer.checkpoints)} checkpoints`;
    const keys = answer.publicKeys.map((key) => `Signed by ${printable(key)}`);
    const trust =
      flags.publicKey === undefined ? ['Compare this key with the one that the owner of the store told you.'] : [];
    return [
      ...listed(answer.findings),
      `${answer.ok ? 'It holds' : 'It does not hold'}: ${range}.`,
      ...keys,
      ...trust,
    ].join('\n');
  });
  failOn(result.findings.length, `The export ${JSON.stringify(file)} does not hold`);
}

function listed(findings: readonly AuditFinding[]): string[] {
  return findings.map(({ kind, message }) => `${kind}  ${printable(message)}`);
}

function showVerification(verified: AuditVerification): string {
  const { checkpoints, findings, findingCount, ok, rows, sealed, versions, waiting, withoutMac } = verified;
  const more = findingCount > findings.length ? [`… and ${String(findingCount - findings.length)} more`] : [];
  const bare = withoutMac === 0 ? '' : `, ${String(withoutMac)} of before there was a key`;
  const counts = `${String(rows)} rows (${String(sealed)} sealed, ${String(waiting)} waiting${bare}), ${String(checkpoints)} checkpoints, ${String(versions)} versions`;
  return [...listed(findings), ...more, `${ok ? 'It holds' : 'It does not hold'}: ${counts}.`].join('\n');
}

function failOn(count: number, what: string): void {
  if (count === 0) return;
  throw new CommandError(exitCodes.failed, `${what}: ${String(count)} ${count === 1 ? 'finding' : 'findings'}.`);
}

async function readCheckpoint(file: string): Promise<Pick<AuditCheckpoint, 'statement' | 'signature'>> {
  try {
    const { statement, signature } = JSON.parse(await readFile(file, 'utf8')) as Partial<AuditCheckpoint>;
    if (typeof statement === 'string' && typeof signature === 'string') return { statement, signature };
  } catch (error) {
    throw new CommandError(exitCodes.failed, `Cannot read ${JSON.stringify(file)}: ${problemOf(error)}.`);
  }
  throw new CommandError(
    exitCodes.failed,
    `${JSON.stringify(file)} is no checkpoint; strata audit checkpoint writes one.`,
  );
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function addCheckpoint(audit: Command): void {
  addRemoteCommand(audit, 'checkpoint', 'seal what waits, and sign how far the audit log has come', [
    'audit checkpoint',
    'audit checkpoint --output kept/today.json',
    'audit checkpoint --list',
  ])
    .option('-o, --output <file>', 'write the checkpoint to this file, to be kept elsewhere')
    .option('--list', 'list the checkpoints there are instead')
    .action(async (flags: ConnectionFlags & { readonly output?: string; readonly list?: boolean }) => {
      const client = openClient(flags);
      if (flags.list === true) {
        show(flags, (await client.listAuditCheckpoints()).checkpoints, showCheckpoints);
        return;
      }
      const checkpoint = await client.createAuditCheckpoint();
      if (flags.output !== undefined) await write(flags.output, `${JSON.stringify(checkpoint, null, 2)}\n`);
      const kept = flags.output === undefined ? '' : ` It is in ${printable(flags.output)}: keep it elsewhere.`;
      show(
        flags,
        checkpoint,
        ({ sequence, number, key }) =>
          `Checkpoint ${String(sequence)} covers ${String(number)} seals, signed with the key ${key}.${kept}`,
      );
    });
}

function showCheckpoints(checkpoints: readonly AuditCheckpoint[], colours: Colours): string {
  if (checkpoints.length === 0) return 'No checkpoints.';
  return table(
    colours,
    ['checkpoint', 'kind', 'seals', 'time', 'by', 'key', 'reason'],
    checkpoints.map(({ sequence, kind, number, createdAt, by, key, reason }) => [
      String(sequence),
      kind,
      String(number),
      localTime(createdAt),
      printable(by),
      key,
      reason === undefined ? null : printable(reason),
    ]),
  );
}

function addExport(audit: Command): void {
  addRemoteCommand(audit, 'export', 'write the sealed audit log as lines of JSON, for others to check', [
    'audit export --output audit.ndjson',
    'audit export --from 1000 > rest.ndjson',
  ])
    .option('-o, --output <file>', 'write the lines to this file')
    .option('--from <seal>', 'the first seal', parseCount)
    .action(async (flags: ConnectionFlags & { readonly output?: string; readonly from?: number }) => {
      const lines = await openClient(flags).exportAudit({ from: flags.from });
      const { output } = flags;
      if (output === undefined) {
        for await (const chunk of lines) process.stdout.write(chunk);
      } else {
        await write(output, lines);
        show(flags, { file: output }, ({ file }) => `The audit log is in ${file}`);
      }
    });
}

async function write(file: string, content: string | AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    throw new CommandError(exitCodes.failed, `Cannot write ${JSON.stringify(file)}: ${problemOf(error)}.`);
  }
}

function addPrune(audit: Command): void {
  addRemoteCommand(audit, 'prune', 'remove the oldest rows under a signed checkpoint that takes their place', [
    'audit prune --before 2025-01-01 -m "Kept for a year"',
  ])
    .requiredOption('--before <time>', 'rows that are older: ISO 8601, or 365d')
    .requiredOption('-m, --message <reason>', 'why')
    .action(async (flags: ConnectionFlags & { readonly before: string; readonly message: string }) => {
      const before = parseMoment(flags.before, '--before', 'ago', new Date());
      const pruning = await openClient(flags).pruneAudit(before, flags.message);
      show(flags, pruning, ({ removed, checkpoint }) =>
        checkpoint === null
          ? 'No rows are older.'
          : `${String(removed)} rows are removed; checkpoint ${String(checkpoint.sequence)} stands for them.`,
      );
    });
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number above 0.');
}
