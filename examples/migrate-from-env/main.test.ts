/** Owns the proof that the migration example does what it says. */
import { isConfigurationError } from '@strata/service';
import { describe, expect, it } from 'vitest';
import { run } from './main.ts';

describe('the migration from environment variables', () => {
  it('stores what the environment says, once', async () => {
    expect(await run({ PM_INTERVAL_LIGHT_DUTY: '7500', PM_INTERVAL_MEDIUM_DUTY: '' })).toEqual([
      'Before, from the environment: 7500 miles',
      'After, from Strata: 7500 miles',
      'Run twice, it left 1 version, the same both times',
      '  by migration-script: Migrated from environment variables',
    ]);
  });

  it('refuses a value that is no number, and names it', async () => {
    const failure: unknown = await run({ PM_INTERVAL_LIGHT_DUTY: '5k' }).catch((error: unknown) => error);
    expect(isConfigurationError(failure, 'invalid_value')).toBe(true);
    expect(String(failure)).toContain('lightDuty');
  });

  it('refuses a value out of bounds, and says which bounds', async () => {
    const failure: unknown = await run({ PM_INTERVAL_HEAVY_DUTY: '5' }).catch((error: unknown) => error);
    expect(isConfigurationError(failure, 'validation_failed')).toBe(true);
    expect(String(failure)).toContain('Validation failed: heavyDuty must be at least 1000');
  });
});
