/** Owns the proof that the onboarding example does what it says. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './main.ts';

describe('the onboarding of a fleet organization', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'strata-onboarding-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('gives the organization its settings, lets a team inherit them, and leaves a baseline', async () => {
    const path = join(directory, 'config-baseline-acme.json');

    expect(await run(directory)).toEqual([
      'Organization acme onboarded successfully',
      `Its baseline is ${path}`,
      'Team north: light 7500 miles, heavy 25000 miles',
      '  lightDuty comes from team north: Short trips in the north',
      '  mediumDuty comes from org acme: Standard PM intervals for fleet',
      '  heavyDuty comes from org acme: Standard PM intervals for fleet',
    ]);

    const baseline = await readFile(path, 'utf8');
    expect(() => JSON.parse(baseline) as unknown).not.toThrow();
    for (const text of [
      'branding',
      'pm_intervals',
      'approval_thresholds',
      'email_notifications',
      'Moving America Forward',
    ]) {
      expect(baseline).toContain(text);
    }
  });
});
