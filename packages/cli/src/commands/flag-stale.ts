/** Owns `strata flag stale`. */
import type { StaleFlag, StaleFlags } from '@strata/client';
import { type Command, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { localTime, show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';
import { inDays, parseCount, reliance } from './usage.ts';

/** Adds `strata flag stale`. */
export function addFlagStale(flag: Command): void {
  addRemoteCommand(flag, 'stale', 'list flags that nothing would miss, with the reason', [
    'flag stale',
    'flag stale --days 90',
  ])
    .addOption(new Option('--days <number>', 'how many days back').default(30).argParser(parseCount(400)))
    .action(async (flags: ConnectionFlags & { readonly days: number }) => {
      show(flags, await openClient(flags).listStaleFlags({ days: flags.days }), showStale);
    });
}

/** For people: the stale flags. */
export function showStale(report: StaleFlags, colours: Colours): string {
  if (report.since === null) return reliance(report).join('\n');
  const list =
    report.flags.length === 0
      ? `Every flag that is older served several variants in ${inDays(report.days)}.`
      : table(
          colours,
          ['flag', 'last evaluated', 'reason'],
          report.flags.map((flag) => [
            printable(flag.flag),
            flag.lastEvaluatedAt === null ? null : localTime(flag.lastEvaluatedAt),
            reasonOf(flag, report),
          ]),
        );
  return [list, '', ...reliance(report)].join('\n');
}

function reasonOf({ reason, variant, evaluations }: StaleFlag, { days }: StaleFlags): string {
  if (reason === 'never_evaluated') return 'not evaluated since counting began';
  if (reason === 'not_evaluated') return `not evaluated in ${inDays(days)}`;
  return `served ${printable(variant ?? '')} every time (${String(evaluations)} in ${inDays(days)})`;
}
