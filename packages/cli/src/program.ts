/** Owns the `strata` command as a whole: its subcommands and its help. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { addAllCommand } from './commands/all.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addBackupCommand } from './commands/backup.ts';
import { addBlameCommand } from './commands/blame.ts';
import { addCompareCommand } from './commands/compare.ts';
import { addDeleteCommand } from './commands/delete.ts';
import { addDefineCommand } from './commands/define.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDepsCommand } from './commands/deps.ts';
import { addDiffCommand } from './commands/diff.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addExportCommand } from './commands/export.ts';
import { addFlagCommand } from './commands/flag.ts';
import { addGetCommand } from './commands/get.ts';
import { addImportCommand } from './commands/import.ts';
import { addImpactCommand } from './commands/impact.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addRevealCommand } from './commands/reveal.ts';
import { addLockCommand, addLocksCommand, addUnlockCommand } from './commands/lock.ts';
import { addLogCommand } from './commands/log.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addPolicyCommand } from './commands/policy.ts';
import { addApproveCommand, addPendingCommand, addRejectCommand, addRequestCommand } from './commands/request.ts';
import { addPromoteCommand } from './commands/promote.ts';
import { addRestoreCommand } from './commands/restore.ts';
import { addRoleCommand } from './commands/role.ts';
import { addRevertCommand } from './commands/revert.ts';
import { addRollbackCommand } from './commands/rollback.ts';
import { addSchemaCommand } from './commands/schema.ts';
import { addScopesCommand } from './commands/scopes.ts';
import { addServeCommand } from './commands/serve.ts';
import { addSetCommand } from './commands/set.ts';
import { addShowCommand } from './commands/show.ts';
import { addTagCommand } from './commands/tag.ts';
import { addUsageCommand } from './commands/usage.ts';
import { addWatchCommand } from './commands/watch.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { messageOf } from './message.ts';

/** The commands by what they are about, in the order of the help. */
const groups: Readonly<Record<string, readonly ((program: Command) => unknown)[]>> = {
  'Values:': [
    addGetCommand,
    addRevealCommand,
    addAllCommand,
    addSetCommand,
    addDeleteCommand,
    addExplainCommand,
    addExportCommand,
    addImportCommand,
    addCompareCommand,
    addPromoteCommand,
    addWatchCommand,
    addUsageCommand,
  ],
  'Versions:': [
    addLogCommand,
    addShowCommand,
    addDiffCommand,
    addBlameCommand,
    addRollbackCommand,
    addRevertCommand,
    addRestoreCommand,
    addTagCommand,
  ],
  'Feature flags:': [addFlagCommand],
  'Approvals and permissions:': [
    addRequestCommand,
    addPendingCommand,
    addApproveCommand,
    addRejectCommand,
    addPolicyCommand,
    addRoleCommand,
    addAuditCommand,
  ],
  'Impact:': [addImpactCommand, addDefineCommand, addDepsCommand],
  'Scopes, locks and schemas:': [addScopesCommand, addLockCommand, addUnlockCommand, addLocksCommand, addSchemaCommand],
  'Running Strata:': [addKeysCommand, addServeCommand, addDemoCommand, addMigrateCommand, addBackupCommand],
};

const help = `
A scope is --global, --org <id>, --team <id> or --user <id>. Commands on the scope tree take it as org:<id>, team:<id> or user:<id>.
Commands talk to the server at $STRATA_URL (http://127.0.0.1:7420), as $STRATA_ACTOR (your user name here).

Exit codes:
  0  done
  1  it failed; one line on standard error says why
  2  the command line is wrong
  3  there is no such key, flag, version, commit, tag, scope, lock or change request
  4  someone was faster, or the name is taken
  5  refused: the value does not fit its schema, a lock forbids the change, or a permission is missing
  6  the change needs approvals: a change request waits for them
  7  the server cannot be reached, or cannot answer at the moment

Examples:
  $ strata serve                                   embedded database in ./.strata, http://127.0.0.1:7420
  $ strata set branding '{"primaryColor": "#336699"}' -m "First colours"
  $ strata set branding '{"primaryColor": "#cc0000"}' --org acme
  $ strata get branding --org acme
  $ strata explain branding --org acme
  $ strata log branding
  $ strata rollback branding HEAD~1 --org acme`;

/**
 * Runs a command line (without `node` and the script) and answers the exit code. A command that goes on, such as `serve`, has
 * started by then.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    // Commander has printed its own errors, and the help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    process.stderr.write(`strata: ${messageOf(error)}\n`);
    return exitCodeOf(error);
  }
}

/** The command with all its subcommands, not run yet. */
export function buildProgram(): Command {
  const program = new Command('strata')
    .description('Configuration for multi-tenant applications: typed, layered, versioned.')
    .version(readVersion(), '-V, --version', 'print the version')
    .showHelpAfterError('(strata --help shows how it is used)')
    .addHelpText('after', help)
    .exitOverride();
  for (const [heading, commands] of Object.entries(groups)) {
    program.commandsGroup(heading);
    for (const add of commands) add(program);
  }
  program.addHelpCommand(
    new Command('help').argument('[command]').description('show how a command is used').helpGroup('Running Strata:'),
  );
  return program;
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
