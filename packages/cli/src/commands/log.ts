/** Owns `strata log`. */
import process from 'node:process';
import { type Command, InvalidArgumentError } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { noValue, suggestingKey } from '../known-keys.ts';
import { scopeName, show } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { showVersion, versionTable } from '../version-view.ts';

type LogFlags = ConnectionFlags &
  ScopeFlags & { readonly limit: number; readonly before?: string; readonly oneline?: boolean };

/** Adds `strata log <key>`: lists the versions of a key, newest first. */
export function addLogCommand(program: Command): void {
  const command = addRemoteCommand(program, 'log', 'list the versions of a key, newest first', [
    'log branding',
    'log branding --org acme --oneline',
    'log branding --limit 1 --json',
  ])
    .argument('<key>', 'the key')
    .option('-n, --limit <count>', 'at most so many: 1 to 1000', parseCount, 20)
    .option('--before <version>', 'the page after this version, or what is older than this revision')
    .option('--oneline', 'one version a line');
  addScope(command, 'all scopes').action(logVersions);
}

async function logVersions(key: string, flags: LogFlags): Promise<void> {
  const client = openClient(flags);
  const scope = namedScope(flags);
  const { limit, before } = flags;
  const page = await suggestingKey(client, key, scope, async () => {
    const found = await client.getHistory(key, { scope, limit, before });
    if (found.versions.length > 0 || before !== undefined) return found;
    throw noValue(key, scope === undefined ? 'any scope' : scopeName(scope));
  });
  show(flags, page, ({ versions }, colours) => {
    if (versions.length === 0) return 'Nothing older.';
    return flags.oneline === true
      ? versionTable(versions, colours)
      : versions.map((version) => showVersion(version, colours)).join('\n\n');
  });
  if (page.next !== null && flags.json !== true) {
    process.stderr.write(`There is more: add --before ${page.next}\n`);
  }
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number above 0.');
}
