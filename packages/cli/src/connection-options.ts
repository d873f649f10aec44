/** Owns how a command is told which server it talks to, who acts, and whether a script reads its output. */
import { userInfo } from 'node:os';
import { createClient, type StrataClient } from '@strata/client';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** What the options of every command over HTTP leave. */
export interface ConnectionFlags {
  readonly url: string;
  readonly actor?: string;
  readonly service: string;
  readonly timeout: number;
  readonly json?: boolean;
}

/** Adds a command that talks to a server, with the options that all of these have and examples of its use. */
export function addRemoteCommand(
  parent: Command,
  usage: string,
  description: string,
  examples: readonly string[],
): Command {
  return parent
    .command(usage)
    .description(description)
    .addOption(
      new Option('--url <url>', 'the address of the server').env('STRATA_URL').default('http://127.0.0.1:7420'),
    )
    .addOption(new Option('--actor <id>', 'who acts (default: your user name here)').env('STRATA_ACTOR'))
    .addOption(
      new Option('--service <name>', 'the service that reads, for usage counters')
        .env('STRATA_SERVICE')
        .default('strata', 'nobody'),
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for the server')
        .default(30_000, '30')
        .argParser(parseTimeout),
    )
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ strata ${example}\n`).join('')}`);
}

/** The client that the flags ask for. @throws StrataClientError `invalid_argument`. */
export function openClient({ url, actor, service, timeout }: ConnectionFlags): StrataClient {
  return createClient({
    url,
    actor: actor === undefined || actor === '' ? userName() : actor,
    serviceName: service,
    timeout,
  });
}

/** The name of whoever runs the command; unknown to some containers, and the server then says `anonymous`. */
export function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function parseTimeout(text: string): number {
  const milliseconds = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Math.round(Number(text) * 1000) : 0;
  if (milliseconds > 0 && milliseconds <= 86_400_000) return milliseconds;
  throw new InvalidArgumentError('Give a number of seconds above 0 and up to 86400.');
}
