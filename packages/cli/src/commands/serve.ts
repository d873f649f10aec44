/** Owns `strata serve`. */
import process from 'node:process';
import { closeOnSignals, serve } from '@strata/server';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../message.ts';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';

interface ServeFlags extends DataDirectory {
  readonly host: string;
  readonly port: number;
}

/** Adds `strata serve`: migrates the database and serves it over HTTP until SIGINT or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('serve the configuration over HTTP on this machine, after migrating its database')
    .addOption(new Option('-H, --host <address>', 'a loopback address').env('HOST').default('127.0.0.1'))
    .addOption(new Option('-p, --port <number>', '0 takes a free one').env('PORT').default(7420).argParser(parsePort));
  addDataDirectory(command).action(async (flags: ServeFlags) => {
    const server = await serve({ host: flags.host, port: flags.port, ...storeOptions(flags) });
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
