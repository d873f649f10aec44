/** Owns the proof that the example of approvals does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('applies what two others have seen, and nothing else', async () => {
  expect(await run()).toEqual([
    'The first value is stored at once.',
    'Ann changes it: a request waits for 2 approvals.',
    'Ann approves it herself: refused, self_approval',
    'Bob approves it: pending',
    `Meanwhile Dan's change of the same part is applied: {"maintenanceApproval":700,"procurementApproval":1000}`,
    `Cleo approves Ann's as the second: refused, request_conflicted`,
    'Ann proposes it anew, as edition 2.',
    'Bob approves what he saw before: refused, request_edited',
    'Bob and Cleo approve that edition: {"maintenanceApproval":600,"procurementApproval":1000}',
  ]);
});
