/** Owns `strata serve`. */
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../message.ts';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';
import { unusedVariables } from '../unused-environment.ts';

interface ServeFlags extends DataDirectory {
  readonly host: string;
  readonly port: number;
  readonly demo: boolean;
}

/** Adds `strata serve`: migrates the database and serves it over HTTP until SIGINT or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('serve the configuration over HTTP on this machine, after migrating its database')
    .addOption(new Option('-H, --host <address>', 'a loopback address').env('HOST').default('127.0.0.1'))
    .addOption(new Option('-p, --port <number>', '0 takes a free one').env('PORT').default(7420).argParser(parsePort))
    .option('--no-demo', 'leave a new embedded database empty instead of filling it with the fleet demo')
    .addHelpText(
      'after',
      '\nExamples:\n  $ strata serve\n  $ strata serve --port 8080 --data-dir /var/lib/strata\n  $ DATABASE_URL=postgres://app@db/app strata serve',
    );
  addDataDirectory(command).action(async (flags: ServeFlags) => {
    for (const line of unusedVariables(process.env)) process.stderr.write(`strata: ${line}\n`);
    // Commands that only talk to a server start faster without the server's own code.
    const { closeOnSignals, serve } = await import('@strata/server');
    const server = await serve({ host: flags.host, port: flags.port, demo: flags.demo, ...storeOptions(flags) });
    closeOnSignals(
      () => server.close(),
      (error) => process.stderr.write(`strata: ${messageOf(error)}\n`),
    );
  });
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
