/** Owns the proof that the example of live updates does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('tells another process and a client of the server of each commit', async () => {
  expect(await run()).toEqual([
    'In the other process:',
    '  pm_intervals at org: {"lightDuty":5000,"heavyDuty":25000} (Standard intervals)',
    '  pm_intervals at team: {"lightDuty":7500} (Short trips in the north)',
    '  system_settings at global: {"maintenanceMode":true} (Short trips in the north)',
    'Over HTTP, for team north:',
    '  null became {"lightDuty":5000,"heavyDuty":25000}',
    '  {"lightDuty":5000,"heavyDuty":25000} became {"lightDuty":7500,"heavyDuty":25000}',
  ]);
});
