/** Owns `strata keys`: the keys that encrypt secrets. */
import type { KeyRetirement, KeyRewrap, KeyRotation, KeyStatus } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { show, table } from '../output.ts';
import type { Colours } from '../terminal.ts';

/** Adds `strata keys` with its subcommands. */
export function addKeysCommand(program: Command): void {
  const keys = program.command('keys').description('look after the keys that encrypt secrets');
  addRemoteCommand(keys, 'status', 'list the keys, and how much each is in use', ['keys status']).action(
    async (flags: ConnectionFlags) => {
      show(flags, await openClient(flags).getKeyStatus(), showStatus);
    },
  );
  addRemoteCommand(keys, 'rotate', 'go on with new keys; what there is stays readable', ['keys rotate']).action(
    async (flags: ConnectionFlags) => {
      show(flags, await openClient(flags).rotateKeys(), showRotation);
    },
  );
  addRemoteCommand(keys, 'rewrap', 'wrap all data keys with the key that encrypts now; repeated, it goes on', [
    'keys rewrap',
  ]).action(async (flags: ConnectionFlags) => {
    show(flags, await openClient(flags).rewrapKeys(), showRewrap);
  });
  addRemoteCommand(keys, 'retire', 'do without a key that nothing needs any more', ['keys retire 5f0c1d2e3a4b'])
    .argument('<key-id>', 'its id, as in keys status')
    .action(async (keyId: string, flags: ConnectionFlags) => {
      show(flags, await openClient(flags).retireKey(keyId), showRetirement);
    });
}

const origins: Readonly<Record<string, string>> = {
  keyProvider: 'from a key provider',
  encryptionKey: 'from the option encryptionKey',
  CONFIG_ENCRYPTION_KEY: 'from CONFIG_ENCRYPTION_KEY',
  file: 'in a key file',
  memory: 'in memory only',
  none: 'nowhere: set CONFIG_ENCRYPTION_KEY',
};

function showStatus({ origin, keys, dataKeys }: KeyStatus, colours: Colours): string {
  const held = (one: boolean | null): string => (one === null ? 'by the provider' : one ? 'yes' : 'no');
  const lines = [`The keys are ${origins[origin] ?? origin}.`];
  if (keys.length > 0) {
    const rows = keys.map((key) => [key.keyId, key.current ? 'yes' : 'no', held(key.held), String(key.dataKeys)]);
    lines.push('', table(colours, ['key', 'encrypts', 'held', 'data keys'], rows));
  }
  if (dataKeys.length > 0) {
    const rows = dataKeys.map(({ purpose, kekId, count, uses }) => [purpose, kekId, String(count), String(uses)]);
    lines.push('', table(colours, ['purpose', 'wrapped by', 'data keys', 'uses'], rows));
  }
  return lines.join('\n');
}

function showRotation({ currentKeyId, added, renewed }: KeyRotation): string {
  const data = `New data keys are in use for ${String(renewed)} ${renewed === 1 ? 'purpose' : 'purposes'}.`;
  return added
    ? `The key ${currentKeyId} was made and encrypts from now on. ${data} What is older needs the keys before it until: strata keys rewrap`
    : `${data} The key ${currentKeyId} wraps them. For another one, put it first in CONFIG_ENCRYPTION_KEY, keep the others behind it, restart, and run: strata keys rewrap`;
}

function showRewrap({ currentKeyId, rewrapped, left }: KeyRewrap): string {
  const done = `${String(rewrapped)} data keys were wrapped anew with ${currentKeyId}.`;
  return left === 0
    ? `${done} No other key is needed any more. See: strata keys status`
    : `${done} ${String(left)} are under other keys again, made by a process with another ring. Give all processes the same, and repeat: strata keys rewrap`;
}

function showRetirement({ keyId, removed }: KeyRetirement): string {
  return removed
    ? `The key ${keyId} is no longer in the key file.`
    : `Nothing needs the key ${keyId}. Take it out of the ring that the server is given, and restart.`;
}
