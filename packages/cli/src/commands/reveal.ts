/** Owns `strata reveal`. */
import { parsePath, valueAt } from '@strata/core';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { addReadScope, readScope, type ScopeFlags } from '../scope-options.ts';
import { noSuchPart, printPart } from './get.ts';

type RevealFlags = ConnectionFlags & ScopeFlags & { readonly reason: string };

/** Adds `strata reveal <key> [path]`: prints an effective value with its secrets, or the part of it at a path. */
export function addRevealCommand(program: Command): void {
  const command = addRemoteCommand(program, 'reveal', 'print a value with its secrets, for a reason that is recorded', [
    'reveal api_keys stripe --reason "Rotating the key at the provider"',
    'reveal database password --org acme --reason "Incident 12"',
  ])
    .argument('<key>', 'the key')
    .argument('[path]', 'a part of the value, written a.b[0]')
    .requiredOption('--reason <reason>', 'why, for the audit log');
  addReadScope(command).action(async (key: string, path: string | undefined, flags: RevealFlags) => {
    const steps = parsePath(path ?? '$');
    const client = openClient(flags);
    const scope = readScope(flags);
    const { value } = await suggestingKey(client, key, scope, () => client.reveal(key, scope, flags.reason));
    const part = valueAt(value, steps);
    if (part === undefined) throw noSuchPart(key, path ?? '$', value);
    printPart(flags, part);
  });
}
