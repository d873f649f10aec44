/** Owns the list of what does not hold in an audit log: all of it counted, the first of it named. */
import type { AuditFinding } from '@strata/core';

/** How many findings are named; further ones are counted. */
const most = 1000;

/** Collects findings. */
export class Findings {
  readonly named: AuditFinding[] = [];
  count = 0;

  /** Notes one more. */
  add(finding: AuditFinding): void {
    this.count += 1;
    if (this.named.length < most) this.named.push(finding);
  }
}
