/** Owns the proof that the example of access control does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('lets everybody do what he may, and nothing else', async () => {
  expect(await run()).toEqual([
    'The mechanic sets the intervals: refused, for want of "write"',
    'The fleet manager sets the intervals: done',
    'The mechanic reads them: {"lightDuty":7500}',
    'The manager of another fleet reads them: refused, for want of "read"',
    'He asks for the version by its hash: null',
    'Dana sets the branding: done',
    'She sets that of another org: refused, for want of "write"',
    'She sets the intervals: refused, for want of "write"',
    'She makes herself an administrator: refused, for want of "policy"',
  ]);
});
