/** Owns `strata export`. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { print, show } from '../output.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';

type ExportFlags = ConnectionFlags & ScopeFlags & { readonly output?: string };

/** Adds `strata export`: prints or writes the values stored at a scope as a document. */
export function addExportCommand(program: Command): void {
  const command = addRemoteCommand(program, 'export', 'print the values stored at a scope as a document', [
    'export --org acme > acme.json',
    'export --output global.json',
  ]).option('-o, --output <file>', 'write the document to this file');
  addScope(command, 'global').action(async (flags: ExportFlags) => {
    const document = await openClient(flags).exportConfig(scopeOrGlobal(flags));
    const { output } = flags;
    if (output === undefined) {
      print(document);
    } else {
      await write(output, document);
      show(flags, { file: output }, ({ file }) => `The export is in ${file}`);
    }
  });
}

async function write(file: string, document: string): Promise<void> {
  try {
    await writeFile(file, document);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCodes.failed, `Cannot write ${JSON.stringify(file)}: ${problem}.`);
  }
}
