/** Owns what a writer tells of itself on its standard output, a line of JSON each. */

/** A version as the service answered it. */
export interface AcknowledgedVersion {
  readonly key: string;
  readonly scope: string;
  readonly scopeId: string | null;
  readonly version: string;
  readonly revision: number;
  readonly operation: string;
  readonly value: unknown;
}

/** What a writer says: that it is open, that something was acknowledged, or that something was refused. */
export type Report =
  | { readonly is: 'open' }
  | { readonly is: 'versions'; readonly versions: readonly AcknowledgedVersion[] }
  | { readonly is: 'tag'; readonly tag: string; readonly version: string; readonly revision: number }
  | { readonly is: 'lock'; readonly key: string; readonly revision: number }
  | { readonly is: 'unlock'; readonly key: string; readonly lockRevision: number }
  | { readonly is: 'refused'; readonly code: string; readonly message: string }
  | { readonly is: 'closed' };

/** Who started this process. */
const parent = process.ppid;

/** Says it, all or nothing: a line is shorter than what a pipe takes at once. */
export function say(report: Report): void {
  // Left alone it would write until the disk is full. It is too busy to notice by an event that its input has ended.
  if (process.ppid !== parent) process.exit(1);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** Whether it tells of something that must never get lost. */
export function isAcknowledgement(report: Report): boolean {
  return ['versions', 'tag', 'lock', 'unlock'].includes(report.is);
}
