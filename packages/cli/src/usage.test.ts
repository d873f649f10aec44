import { createClient, isClientError } from '@strata/client';
import picocolors from 'picocolors';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';
import { age } from '../../../test/old-counters.ts';
import { showStale } from './commands/flag-stale.ts';
import { showFlagUsage, showUnused, showUsage } from './commands/usage.ts';

const plain = picocolors.createColors(false);

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine({ usage: true, usageInterval: 50 });
});
afterAll(() => strata.close());

describe('strata usage', () => {
  it('shows who reads what, what nobody reads, and since when that is known', { timeout: 120_000 }, async () => {
    const { service, database, url } = strata;
    for (const key of ['read', 'looked-at', 'forgotten']) await service.set(key, 1, { scope: 'global' }, 'ann');
    const billing = createClient({ url, serviceName: 'billing' });
    const counted = async (rows: number): Promise<void> => {
      await vi.waitFor(async () => expect((await billing.getUsage()).usage).toHaveLength(rows), { timeout: 30_000 });
    };
    await billing.getValue('read');
    await counted(1);
    await age(database, 20);
    await billing.getValue('read');
    await service.get('read');
    // What the command line reads is not taken for use, unless it says for which service.
    await strata.run(['get', 'looked-at']);
    await strata.run(['get', 'read'], { environment: { STRATA_SERVICE: 'deploy' } });
    await counted(4);

    const report = await billing.getUsage({ key: 'read', days: 30 });
    expect(report).toMatchObject({ days: 30, countedDays: 2, uncounted: 0 });
    expect(report.usage).toMatchObject([
      { key: 'read', service: 'billing', reads: 2 },
      { key: 'read', service: '', reads: 1 },
      { key: 'read', service: 'deploy', reads: 1 },
    ]);
    expect(await strata.json(['usage', 'read', '--by', 'deploy'])).toMatchObject({ usage: report.usage.slice(2) });
    const { out } = await strata.run(['usage', '--days', '10']);
    expect(out).toMatch(/^KEY +SERVICE +READS +LAST READ\n/);
    expect(out).toMatch(/^read +billing +1 +\d{4}-/m);
    expect(out).toMatch(/^read +- +1 +\d{4}-/m);
    expect(out).toMatch(/^looked-at +strata +1 +\d{4}-/m);
    expect(out).toMatch(/^Reads are counted since \d{4}-.*; on 9 of the last 10 days nothing was\.$/m);

    const unused = await billing.listUnusedKeys({ days: 10, limit: 1 });
    expect(unused).toMatchObject({ next: 'forgotten', keys: [{ key: 'forgotten', defined: false, lastReadAt: null }] });
    expect((await billing.listUnusedKeys({ days: 10, after: 'forgotten' })).keys).toMatchObject([{ key: 'looked-at' }]);
    const list = (await strata.run(['usage', '--unused', '--days', '10'])).out;
    expect(list).toMatch(/^KEY +HAS +LAST READ\nforgotten +layers only +not since counting began\nlooked-at /);
  });

  it('says how far that can be relied on', () => {
    const nothing = { days: 30, since: null, until: null, countedDays: 0, uncounted: 0 };
    expect(showUnused({ ...nothing, keys: [], next: null }, plain)).toBe(
      'No reads have been counted yet, so nothing is known.',
    );
    const since = '2026-03-01T00:00:00.000Z';
    const some = { days: 30, since, until: since, countedDays: 30, uncounted: 7 };
    expect(showUsage({ ...some, usage: [] }, plain)).toMatch(
      /^No reads were counted in the last 30 days\.\n\nReads are counted since 2026-0[23]-.{11}\.\n7 reads were of keys that were too many .*\.$/,
    );
    expect(showUnused({ ...some, keys: [], next: null }, plain)).toContain('was read in the last 30 days.');
    const keys = [{ key: 'k', defined: true, lastReadAt: null }];
    expect(showUnused({ ...some, keys, next: 'k' }, plain)).toMatch(
      /^KEY +HAS +LAST READ\nk +definition +not since counting began\nThere are more: --after k\n/,
    );
  });

  it('shows what flags served, and which are stale', async () => {
    const counting = { days: 7, since: '2026-03-01T00:00:00.000Z', until: null, countedDays: 7, uncounted: 0 };
    const at = '2026-03-02T00:00:00.000Z';
    const usage = [{ flag: 'f', variant: 'on', service: '', evaluations: 3, firstAt: at, lastAt: at }];
    expect(showFlagUsage({ ...counting, usage }, plain)).toMatch(
      /^FLAG +VARIANT +SERVICE +EVALUATIONS +LAST\nf +on +- +3 +2026-03-/,
    );
    const flags = [
      { flag: 'a', reason: 'never_evaluated', variant: null, evaluations: 0, lastEvaluatedAt: null },
      { flag: 'b', reason: 'not_evaluated', variant: null, evaluations: 0, lastEvaluatedAt: at },
      { flag: 'c', reason: 'one_sided', variant: 'on', evaluations: 3, lastEvaluatedAt: at },
    ] as const;
    const shown = showStale({ ...counting, flags }, plain);
    expect(shown).toMatch(/^a +- +not evaluated since counting began$/m);
    expect(shown).toMatch(/^b +2026-03-\S+ \S+ +not evaluated in the last 7 days$/m);
    expect(shown).toMatch(/^c +2026-03-\S+ \S+ +served on every time \(3 in the last 7 days\)$/m);
    expect(await strata.json(['flag', 'stale', '--days', '7'])).toMatchObject({ days: 7, flags: [] });
    expect(await strata.json(['usage', '--flags'])).toMatchObject({ days: 30, usage: [] });
  });

  it.each([[['read', '--unused']], [['--after', 'read']], [['--limit', 'many']]])('refuses %o', async (args) => {
    expect((await strata.run(['usage', ...args])).code).toBe(2);
  });

  it('is refused over HTTP in the same words as everything else', async () => {
    const client = createClient({ url: strata.url });
    const calls = [
      client.getUsage({ days: 401 }),
      client.listUnusedKeys({ limit: 0 }),
      client.getUsage({ key: 'no key' }),
    ];
    const codes = await Promise.all(
      calls.map((call) =>
        call.then(
          () => undefined,
          (error: unknown) => (isClientError(error) ? error.code : error),
        ),
      ),
    );
    expect(codes).toEqual(['invalid_request', 'invalid_request', 'invalid_key']);
    expect(() => createClient({ url: strata.url, serviceName: '' })).toThrow('serviceName');
  });
});
