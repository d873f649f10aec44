/** Owns `strata serve`. */
import process from 'node:process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../message.ts';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';

interface ServeFlags extends DataDirectory {
  readonly host: string;
  readonly port: number;
  readonly demo: boolean;
  readonly drain: number;
  readonly sealAudit?: boolean;
}

/** Adds `strata serve`: migrates the database and serves it over HTTP until SIGINT or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('serve the configuration over HTTP on this machine, after migrating its database')
    .addOption(new Option('-H, --host <address>', 'a loopback address').env('HOST').default('127.0.0.1'))
    .addOption(new Option('-p, --port <number>', '0 takes a free one').env('PORT').default(7420).argParser(parsePort))
    .option('--no-demo', 'leave a new embedded database empty instead of filling it with the fleet demo')
    .option('--seal-audit', 'seal the audit log every second, and sign a checkpoint every five minutes')
    .addOption(
      new Option(
        '--drain <seconds>',
        'after SIGINT or SIGTERM answer on for so long, not ready, so that others can take over',
      )
        .default(0)
        .argParser(parseDrain),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ strata serve\n  $ strata serve --port 8080 --data-dir /var/lib/strata\n  $ DATABASE_URL=postgres://app@db/app strata serve',
    );
  addDataDirectory(command).action(async (flags: ServeFlags) => {
    // Commands that only talk to a server start faster without the server's own code.
    const { closeOnSignals, serve } = await import('@strata/server');
    const { host, port, demo, drain, sealAudit } = flags;
    const redisUrl = process.env['REDIS_URL'];
    const redis = redisUrl === undefined || redisUrl === '' ? {} : { redisUrl };
    const starting = serve({ host, port, demo, drainDelay: drain * 1000, sealAudit, ...storeOptions(flags), ...redis });
    // Before it says that it listens, since whoever reads that may end it at once.
    closeOnSignals(
      async () => (await starting).close(),
      (error) => process.stderr.write(`strata: ${messageOf(error)}\n`),
    );
    await starting;
  });
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function parseDrain(text: string): number {
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= 3600) return seconds;
  throw new InvalidArgumentError('Give a number of seconds from 0 to 3600.');
}
