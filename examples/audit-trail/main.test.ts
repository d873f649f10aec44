/** Owns the proof that the example of the audit trail does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('hands on a record that holds, and finds what was done to it', async () => {
  expect(await run()).toEqual([
    'Row 2: set by bob, "Long roads"',
    'Row 1: set by ann, "Company standard"',
    'A checkpoint signs 2 seals, and 1 is kept elsewhere.',
    'An auditor checks the export with the public key: it holds',
    'The same with one word changed: A row of the seals 1 to 2 is not what was signed by the checkpoint 1.',
    'The log itself: it holds',
    'After an edit in the database: The row 2 (set of pm_intervals by bob) was changed: its code is not that of its contents.',
  ]);
});
