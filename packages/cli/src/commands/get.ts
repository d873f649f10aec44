/** Owns `strata get`. */
import process from 'node:process';
import { closestName, isJsonObject, parsePath, valueAt, type JsonValue } from '@strata/core';
import { type Command, InvalidArgumentError } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { suggestingKey } from '../known-keys.ts';
import { full, print } from '../output.ts';
import { addReadScope, namedScope, readScope, type ScopeFlags } from '../scope-options.ts';
import { printable } from '../terminal.ts';

type GetFlags = ConnectionFlags & ScopeFlags & { readonly layer?: boolean; readonly minRevision?: number };

/** Adds `strata get <key> [path]`: prints an effective value, or the part of it at a path. */
export function addGetCommand(program: Command): void {
  const command = addRemoteCommand(
    program,
    'get',
    'print the effective value of a key, or a part of it; secrets are masked',
    [
      'get branding --org acme',
      'get pm_intervals lightDuty',
      'get email_notifications --user ada --team north    (inherits from that team)',
      'get branding --org acme --layer > branding.json    (only what the org itself says)',
    ],
  )
    .argument('<key>', 'the key')
    .argument('[path]', 'a part of the value, written a.b[0]')
    .option('--layer', 'only what is stored at the scope itself, without what it inherits')
    .option('--min-revision <n>', 'wait until the server knows this revision, such as that of a write', parseRevision);
  addReadScope(command).action(async (key: string, path: string | undefined, flags: GetFlags) => {
    const steps = parsePath(path ?? '$');
    const value = await readValue(key, flags);
    const part = valueAt(value, steps);
    if (part === undefined) throw noSuchPart(key, path ?? '$', value);
    printPart(flags, part);
  });
}

/** Prints a value, or a part of one. */
export function printPart(flags: { readonly json?: boolean }, part: JsonValue): void {
  print(flags.json === true ? JSON.stringify(part, null, 2) : shown(part));
}

async function readValue(key: string, flags: GetFlags): Promise<JsonValue> {
  const client = openClient(flags);
  const scope = flags.layer === true ? namedScope(flags) : readScope(flags);
  return suggestingKey(client, key, scope, async () =>
    flags.layer === true
      ? (await client.getLayer(key, scope ?? { scope: 'global' })).value
      : (await client.getValue(key, scope, { minRevision: flags.minRevision })).value,
  );
}

function parseRevision(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a revision: a whole number.');
}

/** A text as it is, so that a script can use it; on a terminal without what would steer the terminal. */
function shown(value: JsonValue): string {
  if (typeof value !== 'string') return full(value);
  return process.stdout.isTTY ? printable(value) : value;
}

/** The failure of a path at which there is nothing. */
export function noSuchPart(key: string, path: string, value: JsonValue): CommandError {
  const near = isJsonObject(value) ? closestName(path, Object.keys(value)) : undefined;
  const advice = near === undefined ? `See: strata get ${key}` : `Did you mean ${near}?`;
  return new CommandError(exitCodes.notFound, `There is nothing at ${path} of ${key}. ${advice}`);
}
