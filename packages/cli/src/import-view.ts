/** Owns how what became of an import is shown to people. */
import type { ImportPlace, ImportResult } from '@strata/client';
import { showDiff } from './change-view.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { scopeName } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** What an import did, or with a dry run would do. */
export function showImport(result: ImportResult, colours: Colours): string {
  const { changes, errors, pendingApproval } = result;
  return [
    ...(changes ?? []).flatMap(({ diff, requiresApproval, ...place }) => [
      `${nameOf(place)} would change${requiresApproval ? ', with approvals' : ''}:`,
      showDiff(diff, colours),
    ]),
    ...errors.map((entry) => colours.red(`${nameOf(entry)}: ${printable(entry.error)}`)),
    showRequests(pendingApproval),
    summaryOf(result),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function nameOf(place: ImportPlace): string {
  return `${printable(place.key)} at ${scopeName(place)}`;
}

function showRequests(pending: ImportResult['pendingApproval']): string {
  const requests = [...new Set(pending.map(({ requestId }) => requestId))].filter((id) => id !== null);
  return requests
    .map((id) => {
      const keys = pending.filter(({ requestId }) => requestId === id).map(nameOf);
      return `Change request created: ${id}, for ${keys.join(', ')}. It is approved with: strata approve ${id}`;
    })
    .join('\n');
}

function summaryOf({ imported, failed, skipped, pendingApproval, changes }: ImportResult): string {
  const [were, wait] =
    changes === undefined ? ['imported', 'waiting for approvals'] : ['to be imported', 'to be approved'];
  const counts = [
    `${String(imported)} ${were}`,
    `${String(skipped)} as they are`,
    `${String(pendingApproval.length)} ${wait}`,
    `${String(failed)} refused`,
  ];
  return counts.join(', ');
}

/** Ends as the worst that happened to any key. @throws CommandError. */
export function endAsImport({ failed, pendingApproval }: ImportResult): void {
  if (failed > 0) {
    throw new CommandError(exitCodes.refused, `${String(failed)} of the keys were refused, as listed above.`);
  }
  if (pendingApproval.some(({ requestId }) => requestId !== null)) {
    throw new CommandError(exitCodes.approvalNeeded, 'Keys that need approvals are not stored yet, as listed above.');
  }
}
