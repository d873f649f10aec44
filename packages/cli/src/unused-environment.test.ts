import { describe, expect, it } from 'vitest';
import { unusedVariables } from './unused-environment.ts';

describe('environment variables that this version does not use', () => {
  it('are named where they are set, without their values', () => {
    const lines = unusedVariables({ CONFIG_ENCRYPTION_KEY: 'c2VjcmV0' });
    expect(lines).toEqual([expect.stringMatching(/^CONFIG_ENCRYPTION_KEY is set and ignored: .*\.$/)]);
    expect(lines.join()).not.toMatch(/c2VjcmV0/);
  });

  it('are not mentioned where they are not set or empty', () => {
    expect(
      unusedVariables({
        CONFIG_ENCRYPTION_KEY: '',
        REDIS_URL: 'redis://cache',
        DATABASE_URL: 'postgres://x',
        PORT: '1',
      }),
    ).toEqual([]);
  });
});
