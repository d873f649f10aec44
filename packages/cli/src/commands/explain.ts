/** Owns `strata explain`. */
import type { ExplainedLeaf, Explanation } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { noValue, suggestingKey } from '../known-keys.ts';
import { brief, localTime, scopeName, show, table } from '../output.ts';
import { addReadScope, readScope, type ScopeFlags } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';
import { parseMoment } from '../time-input.ts';

type ExplainFlags = ConnectionFlags & ScopeFlags & { readonly at?: string };

/** Adds `strata explain <key>`: shows which scope gives each part of an effective value, and what it overrides. */
export function addExplainCommand(program: Command): void {
  const command = addRemoteCommand(program, 'explain', 'show where each part of an effective value comes from', [
    'explain branding --org acme',
    'explain branding --user ada --at 2d',
  ])
    .argument('<key>', 'the key')
    .option('--at <time>', 'as it was then: ISO 8601, or 30m, 2h, 7d ago');
  addReadScope(command).action(explainValue);
}

async function explainValue(key: string, flags: ExplainFlags): Promise<void> {
  const client = openClient(flags);
  const scope = readScope(flags);
  const at = flags.at === undefined ? undefined : parseMoment(flags.at, '--at', 'ago', new Date());
  const explanation = await suggestingKey(client, key, scope, async () => {
    const found = await client.explain(key, scope, { at });
    if (found.leaves.length === 0) throw noValue(key, scopeName(scope));
    return found;
  });
  show(flags, explanation, showExplanation);
}

/** The chain, and a line for each leaf. */
export function showExplanation({ key, revision, chain, leaves }: Explanation, colours: Colours): string {
  const rows = leaves.map((leaf) => [
    printable(leaf.path),
    brief(leaf.value),
    leaf.lock === undefined ? scopeName(leaf) : `${scopeName(leaf)} (locked by ${scopeName(leaf.lock)})`,
    leaf.version,
    leaf.changedBy === null ? null : printable(leaf.changedBy),
    leaf.changedAt === null ? null : localTime(leaf.changedAt),
    overridden(leaf),
  ]);
  return [
    `${key} at ${chain.map(scopeName).join(' > ')}, revision ${String(revision)}`,
    '',
    table(colours, ['path', 'value', 'from', 'version', 'author', 'time', 'overrides'], rows),
  ].join('\n');
}

/** What the layers above the one that gives the leaf say about it, the nearest first. */
function overridden({ scope, scopeId, candidates }: ExplainedLeaf): string {
  return candidates
    .filter((candidate) => candidate.scope !== scope || candidate.scopeId !== scopeId)
    .reverse()
    .map((candidate) => `${brief(candidate.value)} from ${scopeName(candidate)}`)
    .join(', ');
}
