/** Owns `strata usage`. */
import type { FlagUsageReport, UnusedKeys, UsageReport } from '@strata/client';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { usageError } from '../exit-codes.ts';
import { localTime, show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';

type UsageFlags = ConnectionFlags & {
  readonly by?: string;
  readonly days: number;
  readonly limit: number;
  readonly unused?: boolean;
  readonly flags?: boolean;
  readonly after?: string;
};

/** Adds `strata usage`. */
export function addUsageCommand(program: Command): void {
  addRemoteCommand(program, 'usage', 'show which services read which keys, or which keys nobody reads', [
    'usage',
    'usage branding --days 7',
    'usage --by billing',
    'usage --unused --days 90',
    'usage --flags new-checkout',
  ])
    .argument('[key]', 'only this key; with --flags only this flag')
    .option('--by <service>', 'only what this service reads')
    .option('--unused', 'the keys with a definition or layers that no service has read in these days')
    .option('--flags', 'which variants flags served to which services')
    .addOption(new Option('--days <number>', 'how many days back').default(30).argParser(parseCount(400)))
    .addOption(new Option('--limit <number>', 'how many rows at most').default(100).argParser(parseCount(1000)))
    .option('--after <key>', 'with --unused: go on after this key')
    .action(async (key: string | undefined, flags: UsageFlags) => {
      const { by, days, limit, unused, after } = flags;
      const client = openClient(flags);
      if (flags.flags === true) {
        if (unused === true) throw usageError('--flags and --unused exclude each other; see strata flag stale.');
        show(flags, await client.getFlagUsage({ flag: key, service: by, days, limit }), showFlagUsage);
        return;
      }
      if (unused === true) {
        if (key !== undefined || by !== undefined)
          throw usageError('--unused lists keys that nobody reads: leave out the key and --by.');
        show(flags, await client.listUnusedKeys({ days, limit, after }), showUnused);
        return;
      }
      if (after !== undefined) throw usageError('--after goes with --unused.');
      show(flags, await client.getUsage({ key, service: by, days, limit }), showUsage);
    });
}

/** A whole number from 1 to `most` on the command line. */
export function parseCount(most: number): (text: string) => number {
  return (text) => {
    const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
    if (count >= 1 && count <= most) return count;
    throw new InvalidArgumentError(`Give a whole number from 1 to ${String(most)}.`);
  };
}

/** For people: who reads what. */
export function showUsage(report: UsageReport, colours: Colours): string {
  const rows = report.usage.map(({ key, service, reads, lastReadAt }) => [
    key,
    service === '' ? null : printable(service),
    String(reads),
    localTime(lastReadAt),
  ]);
  const list =
    rows.length === 0
      ? `No reads were counted in ${inDays(report.days)}.`
      : table(colours, ['key', 'service', 'reads', 'last read'], rows);
  return [list, '', ...reliance(report)].join('\n');
}

/** For people: what flags served. */
export function showFlagUsage(report: FlagUsageReport, colours: Colours): string {
  const rows = report.usage.map(({ flag, variant, service, evaluations, lastAt }) => [
    printable(flag),
    printable(variant),
    service === '' ? null : printable(service),
    String(evaluations),
    localTime(lastAt),
  ]);
  const list =
    rows.length === 0
      ? `No evaluations were counted in ${inDays(report.days)}.`
      : table(colours, ['flag', 'variant', 'service', 'evaluations', 'last'], rows);
  return [list, '', ...reliance(report)].join('\n');
}

/** For people: what nobody reads. */
export function showUnused(report: UnusedKeys, colours: Colours): string {
  if (report.since === null) return reliance(report).join('\n');
  const rows = report.keys.map(({ key, defined, lastReadAt }) => [
    key,
    defined ? 'definition' : 'layers only',
    lastReadAt === null ? 'not since counting began' : localTime(lastReadAt),
  ]);
  const list =
    rows.length === 0
      ? `Every key that is older was read in ${inDays(report.days)}.`
      : table(colours, ['key', 'has', 'last read'], rows);
  const more = report.next === null ? [] : [`There are more: --after ${report.next}`];
  return [list, ...more, '', ...reliance(report)].join('\n');
}

/** So many days, in words. */
export const inDays = (days: number): string => (days === 1 ? 'the last day' : `the last ${String(days)} days`);

/** How far the counters can be relied on. */
export function reliance({ days, since, countedDays, uncounted }: Omit<UsageReport, 'usage'>): string[] {
  if (since === null) return ['No reads have been counted yet, so nothing is known.'];
  const gaps = countedDays < days ? `; on ${String(days - countedDays)} of ${inDays(days)} nothing was` : '';
  const left =
    uncounted === 0
      ? []
      : [
          `${String(uncounted)} reads were of keys that were too many to be counted one by one: any key may be among them.`,
        ];
  return [`Reads are counted since ${localTime(since)}${gaps}.`, ...left];
}
