/** Owns the proof that the example of moving does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('moves values and secrets, promotes a difference, and puts a whole store back', async () => {
  expect(await run()).toEqual([
    'The document shows the secret: false',
    'Would change api_keys: a new value',
    'Would change pm_intervals: a new value',
    'Imported 2 keys; the secret reads {"telematics":"tk_4711"}',
    'Imported again: 0 written, 2 there already',
    'Other at globex: api_keys, pm_intervals',
    'Promoted: {"lightDuty":5000}',
    'Restored revision 2: ann wrote "Company standard"',
    'Its audit log holds: true',
  ]);
});
