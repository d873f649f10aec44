/** Owns the proof that the example of feature flags does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('rolls a feature out, keeps it from one organization, and ends it', async () => {
  expect(await run()).toEqual([
    'Tess is a tester: on, TARGETING_MATCH by the rule testers',
    'Zoe is none: off, SPLIT',
    'At 10 % and at 50 % about as many users have it: true',
    'Who had it at 10 % has it at 50 %: true',
    'Zoe, now: on, DEFAULT',
    'Zoe at Acme: DISABLED, by enabled of org acme',
    'Its name, used again: refused, flag_archived',
  ]);
});
