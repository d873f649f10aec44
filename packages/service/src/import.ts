/** Owns the import of values from a document: each key by itself, or all of them or none. */
import { ConfigurationError, parseScope, type ScopeInput } from '@strata/core';
import type { Actor } from './actor.ts';
import { requireBreakGlass } from './break-glass.ts';
import { begin, type Context } from './context.ts';
import { parseFormat } from './export-selection.ts';
import { changesOf, type TargetOptions } from './import-changes.ts';
import { originOf, readImport } from './import-document.ts';
import type { ImportIntent } from './import-plan.ts';
import { ImportRun, type ImportProgress, type ImportResult } from './import-run.ts';
import { parsePassphrase } from './passphrase.ts';
import { requireVisibility } from './visibility.ts';

/** How a document is imported. */
export interface ImportOptions {
  /**
   * `merge`: what the document does not name stays. `replace`: afterwards the scopes of the document hold what is in it and nothing else.
   * Default: `merge`.
   */
  readonly mode?: 'merge' | 'replace';
  /** All or nothing, as one commit or one change request of at most 20,000 changes. Default: false, each key by itself. */
  readonly atomic?: boolean;
  /** Tells what would change, and changes nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Whether an export is refused whose checksum is missing or wrong. Default: true; false admits one that was edited by hand. */
  readonly verify?: boolean;
  /** Goes ahead although values below become invalid, or a `replace` leaves nothing. */
  readonly force?: boolean;
  /** Goes ahead without approvals, for the reason given; takes the permission `break-glass`. */
  readonly breakGlass?: string;
  /** Opens the secrets of an export that was sealed with it; unused for any other document. */
  readonly passphrase?: string;
  /** Why, for the history. Default: where the document comes from. */
  readonly comment?: string;
  /** Told how far it has come, after each part. */
  readonly onProgress?: (progress: ImportProgress) => void;
}

const optionNames: ReadonlySet<string> = new Set<keyof ImportOptions>([
  'mode',
  'atomic',
  'dryRun',
  'verify',
  'force',
  'breakGlass',
  'passphrase',
  'comment',
  'onProgress',
]);

/**
 * Imports a document: an export, or an object of keys and values, which go to the given scope or to global.
 * @throws ConfigurationError where nothing of it can be read, or the database is away; what only one key is refused for stands in the result.
 */
export async function importConfig(
  context: Context,
  actor: Actor,
  data: string,
  format: string,
  scope: ScopeInput | undefined,
  options: ImportOptions,
): Promise<ImportResult> {
  begin(context);
  checkOptions(options);
  const { mode = 'merge', atomic = false, dryRun = false, verify = true, force = false, breakGlass } = options;
  const target = scope === undefined ? undefined : parseScope(scope);
  // Reading a large document is work, which nobody is given who may import nowhere.
  await requireVisibility(context, actor, 'import');
  const passphrase = parsePassphrase(options.passphrase);
  const bundle = await readImport(data, parseFormat(format), verify);
  const into: TargetOptions = { scope: target, replace: mode === 'replace', force };
  const asked = await changesOf(context, actor, bundle, passphrase, into);
  await requireBreakGlass(context, actor, asked.changes, breakGlass);
  const importing: ImportIntent = { actor, comment: options.comment ?? originOf(bundle), force, breakGlass };
  const run = new ImportRun(context, importing, options.onProgress, asked.changes.length);
  run.fail(asked.failures);
  run.skip(asked.skipped);
  if (dryRun) await run.lookAhead(asked.changes, atomic);
  else if (atomic) await run.atOnce(asked.changes);
  else await run.keyByKey(asked.changes);
  return run.result(dryRun);
}

function checkOptions(options: ImportOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.has(name));
  if (unknown !== undefined) refuse(unknown, `there is no such option; there are ${[...optionNames].join(', ')}`);
  const { mode = 'merge' } = options;
  if (mode !== 'merge' && (mode as unknown) !== 'replace') refuse('mode', 'give merge or replace');
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
