/** Owns the proof that the example of impact analysis says what it should. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('says whom a change reaches, what to test, and what a trial at one org would do', async () => {
  expect(await run()).toEqual([
    'Everywhere: 3 drivers, 2 teams, 2 orgs; 2 keep theirs.',
    'Kept by: team north',
    'Impact: high, undo: high, away: 20 seconds for planner, while it starts again',
    'To test: heavyDuty becomes 95000, near its maximum of 100000: test it at the bound itself',
    'To test: heavyDuty goes from 25000 to 95000, 3.8 times as much: test what is computed from it, with both',
    'To test: lightDuty goes from 5000 to 15000, 3 times as much: test what is computed from it, with both',
    'To test: test what depends on pm_intervals: schedule',
    'To test: start again and test: planner',
    'To test: test at team north too: it keeps a value of its own',
    'To test: try it at one scope first, such as org acme',
    'At acme: 1 drivers, 1 teams, 1 orgs; 2 keep theirs.',
    'Kept by: team north',
    'Impact: high, undo: high, away: 20 seconds for planner, while it starts again',
    'Stored until now: {"lightDuty":5000,"heavyDuty":25000}',
  ]);
});
