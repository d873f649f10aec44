/** Owns the `strata` command as a whole: its subcommands, its help and its exit codes. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { addMigrateCommand } from './commands/migrate.ts';
import { addServeCommand } from './commands/serve.ts';
import { messageOf } from './message.ts';

/** What the command ends with: done, failed, or called in a way that it does not understand. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

const help = `
Exit codes:
  0  done
  1  it failed; one line on standard error says why
  2  the command line is wrong

Examples:
  $ strata serve                                   embedded database in ./.strata, http://127.0.0.1:7420
  $ strata serve --port 8080 --data-dir /var/lib/strata
  $ DATABASE_URL=postgres://app@db/app strata serve
  $ DATABASE_URL=postgres://app@db/app strata migrate`;

/**
 * Runs a command line (without `node` and the script) and answers the exit code. A command that goes on, such as `serve`, has
 * started by then.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = new Command('strata')
    .description('Configuration for multi-tenant applications: typed, layered, versioned.')
    .version(readVersion(), '-V, --version', 'print the version')
    .showHelpAfterError('(strata --help shows how it is used)')
    .addHelpText('after', help)
    .exitOverride();
  addServeCommand(program);
  addMigrateCommand(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    // Commander has printed its own errors, and the help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    process.stderr.write(`strata: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
