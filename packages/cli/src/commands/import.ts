/** Owns `strata import`. */
import type { ImportOptions, ImportResult } from '@strata/client';
import type { DocumentFormat } from '@strata/core';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { formatOfName, formatOption, readDocument } from '../document-input.ts';
import { usageError } from '../exit-codes.ts';
import { endAsImport, showImport } from '../import-view.ts';
import { show } from '../output.ts';
import { addPassphrase, readPassphrase, type PassphraseFlags } from '../passphrase-options.ts';
import { startProgress } from '../progress.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { breakGlassOption } from '../write-options.ts';

interface ImportFlags extends ConnectionFlags, ScopeFlags, PassphraseFlags {
  readonly format?: DocumentFormat;
  readonly replace?: boolean;
  readonly atomic?: boolean;
  readonly dryRun?: boolean;
  readonly verify: boolean;
  readonly force?: boolean;
  readonly breakGlass?: string;
  readonly message?: string;
}

/** Adds `strata import <file>`: writes what a document holds. */
export function addImportCommand(program: Command): void {
  const command = addRemoteCommand(program, 'import', 'write the values that a document holds', [
    'import acme.json',
    'import acme.json --dry-run',
    'import acme.json --org globex    (the values of one org go to another)',
    'import settings.yaml --org acme -m "New defaults"    (an object of keys and values)',
    'import acme.json --replace    (what is not in the document goes)',
  ])
    .argument('<file>', 'the document; - is standard input')
    .addOption(formatOption('json, yaml or env (default: by the name of the file, else json)'))
    .option('--replace', 'delete what is stored at the scopes of the document and is not in it')
    .option('--atomic', 'all or nothing, as one commit or one change request')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--no-verify', 'take an export that was edited by hand')
    .option('-m, --message <comment>', 'why, for the history')
    .option('--force', 'go ahead although values below become invalid, or nothing is left')
    .addOption(breakGlassOption());
  addPassphrase(command, 'opens the secrets of an export that was sealed with the passphrase in this file');
  addScope(command, "the document's own, else global").action(importDocument);
}

async function importDocument(file: string, flags: ImportFlags): Promise<void> {
  const { format = formatOfName(file) ?? 'json', message, dryRun, atomic, verify, force, breakGlass } = flags;
  const progress = startProgress();
  const options: ImportOptions = {
    ...{ format, scope: namedScope(flags), mode: flags.replace === true ? 'replace' : 'merge' },
    ...{ atomic, dryRun, verify, force, breakGlass, comment: message },
    onProgress: ({ done, total }) => progress.update(`${String(done)} of ${String(total)}`),
  };
  let result: ImportResult;
  try {
    const data = await readDocument(file);
    if (data.trim() === '') throw usageError(`${JSON.stringify(file)} is empty.`);
    result = await openClient(flags).importConfig(data, { ...options, ...(await readPassphrase(flags)) });
  } finally {
    progress.end();
  }
  show(flags, result, showImport);
  endAsImport(result);
}
