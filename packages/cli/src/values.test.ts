import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  await strata.service.registerScope({ scope: 'team', scopeId: 'north', parent: { scope: 'org', scopeId: 'acme' } });
});
afterAll(() => strata.close());

describe('strata set and get', () => {
  it('store a value and print what is effective, or a part of it', async () => {
    const set = await strata.run(['set', 'pm_intervals', '{"lightDuty": 5000}', '-m', 'First']);
    expect(set).toMatchObject({ code: 0, errors: '' });
    expect(set.out).toMatch(/^pm_intervals at global set: version [0-9a-f]{16}, revision \d+\n$/);
    await strata.run(['set', 'pm_intervals', '{"heavyDuty": 9000}', '--org', 'acme']);
    const [version] = await strata.service.getHistory('pm_intervals', 1, { scope: { scope: 'global' } });
    expect(version).toMatchObject({ changedBy: 'ann', comment: 'First', value: { lightDuty: 5000 } });

    const get = (...args: string[]) => strata.run(['get', 'pm_intervals', ...args]);
    expect((await get('--team', 'north')).out).toBe('{\n  "lightDuty": 5000,\n  "heavyDuty": 9000\n}\n');
    expect((await get('heavyDuty', '--team', 'south', '--org', 'acme')).out).toBe('9000\n');
    expect((await get('--layer', '--org', 'acme', '--json')).out).toBe('{\n  "heavyDuty": 9000\n}\n');
  });

  it('print a text as it is, and as JSON for scripts', async () => {
    const { code } = await strata.run(['set', 'motto', '--string', 'Safety "first"']);
    expect(code).toBe(0);
    expect((await strata.run(['get', 'motto'])).out).toBe('Safety "first"\n');
    expect(await strata.json(['get', 'motto'])).toBe('Safety "first"');
  });

  it('take a value from a file or a pipe', async () => {
    await writeFile(join(strata.directory, 'v.json'), '[1, 2]\n');
    expect((await strata.run(['set', 'list', '@v.json'])).code).toBe(0);
    expect(await strata.json(['get', 'list'])).toEqual([1, 2]);
    expect((await strata.run(['set', 'list', '-'], { stdin: '{"piped": true}' })).code).toBe(0);
    expect(await strata.json(['get', 'list', 'piped'])).toBe(true);
    expect((await strata.run(['set', 'list', '--file', '-', '-s'], { stdin: 'a text\n' })).code).toBe(0);
    expect(await strata.json(['get', 'list'])).toBe('a text');
  });

  it('tell numbers below zero from options', async () => {
    expect((await strata.run(['set', 'offset', '-5'])).code).toBe(0);
    expect(await strata.json(['get', 'offset'])).toBe(-5);
  });

  it('act as whoever is named, in any script', async () => {
    const record = await strata.json(['set', 'owner', '1', '--actor', 'Zoë 李']);
    expect(record).toMatchObject({ key: 'owner', changedBy: 'Zoë 李', value: 1, scopeId: null });
  });

  it('show what a write would do, and do not do it', async () => {
    await strata.run(['set', 'dry', '{"a": 1}']);
    const { code, out } = await strata.run(['set', 'dry', '{"a": 2, "b": 3}', '--dry-run'], {
      environment: { FORCE_COLOR: '1' },
    });
    expect(code).toBe(0);
    expect(out).toContain('dry at global would change (impact: low):');
    expect(out).toContain('\u001b[31m- a: 1\u001b[39m\n\u001b[32m+ a: 2\u001b[39m\n\u001b[32m+ b: 3\u001b[39m\n');
    expect(await strata.json(['set', 'dry', '{"a": 1}', '--dry-run'])).toMatchObject({ dryRun: true, changed: false });
    expect(await strata.json(['get', 'dry'])).toEqual({ a: 1 });
  });

  it('store a value that removes itself', async () => {
    const before = Date.now();
    const record = (await strata.json(['set', 'brief', '1', '--expires', '2h'])) as { expiresAt: string };
    expect(Math.abs(Date.parse(record.expiresAt) - before - 7_200_000)).toBeLessThan(60_000);
  });

  it('write only over what was seen', async () => {
    const first = (await strata.json(['set', 'seen', '1', '--if-version', 'none'])) as { version: string };
    expect((await strata.run(['set', 'seen', '2', '--if-version', 'none'])).code).toBe(4);
    expect((await strata.run(['set', 'seen', '2', '--if-version', first.version.slice(0, 6)])).code).toBe(0);
    const late = await strata.run(['set', 'seen', '3', '--if-version', first.version]);
    expect(late.code).toBe(4);
    expect(late.errors).toMatch(/^strata: The value at seen at global has changed: expected [^\n]*try again\.\n$/);
  });

  it('apply a write once that is repeated under its key', async () => {
    const write = ['set', 'once', '1', '--idempotency-key', 'a "quoted" key'];
    expect(await strata.json(write)).toEqual(await strata.json(write));
    expect((await strata.run(['set', 'once', '2', '--idempotency-key', 'a "quoted" key'])).code).toBe(4);
  });

  it('refuse what does not fit the schema, with every problem in one line', async () => {
    const { code, out, errors } = await strata.run(['set', 'pm_intervals', '{"lightDuty": 5, "heavyDuty": "x"}']);
    expect([code, out]).toEqual([5, '']);
    expect(errors).toMatch(/^strata: Validation failed: [^\n]*lightDuty must be at least 1000[^\n]*\n$/);
  });

  it('refuse what would break values below, unless forced', async () => {
    await strata.service.registerSchema('span', {
      type: 'object',
      properties: { min: { type: 'integer' }, max: { type: 'integer' }, spare: {} },
      additionalProperties: false,
      if: { properties: { max: { const: 5 } }, required: ['max'] },
      then: { properties: { min: { maximum: 5 } } },
    });
    await strata.service.set('span', { min: 10 }, { scope: 'org', scopeId: 'acme' }, 'ann');
    const dry = await strata.run(['set', 'span', '{"max": 5}', '--dry-run']);
    expect(dry.code).toBe(5);
    expect(dry.out).toContain('These values below would become invalid:\n  span at org:acme: ');
    expect(dry.errors).toMatch(/^strata: This change would be refused: 1 values? below/);
    const refused = await strata.run(['set', 'span', '{"max": 5}']);
    expect(refused.code).toBe(5);
    expect(refused.errors).toContain('Correct those first, or add --force.');
    expect((await strata.run(['set', 'span', '{"max": 5}', '--force'])).code).toBe(0);
  });
});

describe('strata delete', () => {
  it('lets the scope inherit again', async () => {
    await strata.run(['set', 'colour', '"blue"']);
    await strata.run(['set', 'colour', '"red"', '--org', 'acme']);
    const dry = await strata.run(['delete', 'colour', '--org', 'acme', '--dry-run']);
    expect(dry).toMatchObject({ code: 0, errors: '' });
    expect(dry.out).toContain('- $: "red"\nThe effective value there would change:\n- $: "red"\n+ $: "blue"\n');
    const { code, out } = await strata.run(['delete', 'colour', '--org', 'acme', '-m', 'Back']);
    expect(code).toBe(0);
    expect(out).toMatch(/^colour at org:acme deleted: version [0-9a-f]{16}, revision \d+\n$/);
    expect((await strata.run(['get', 'colour', '--org', 'acme'])).out).toBe('blue\n');
    expect((await strata.run(['rm', 'colour', '--org', 'acme'])).code).toBe(3);
  });
});

describe('strata explain', () => {
  it('tells which scope gives a value, since when, by whom, and what it overrides', async () => {
    await strata.service.set('theme', { mode: 'light', size: 1 }, { scope: 'global' }, 'bob', 'Default');
    await strata.service.set('theme', { mode: 'dark' }, { scope: 'org', scopeId: 'acme' }, 'cyd');
    const { code, out } = await strata.run(['explain', 'theme', '--team', 'north']);
    expect(code).toBe(0);
    expect(out).toMatch(/^theme at global > org:acme > team:north, revision \d+\n\nPATH +VALUE +FROM +VERSION/);
    expect(out).toMatch(
      /^mode +"dark" +org:acme +[0-9a-f]{16} +cyd +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +"light" from global$/m,
    );
    expect(out).toMatch(/^size +1 +global +[0-9a-f]{16} +bob .* -$/m);
    const before = await strata.run(['explain', 'theme', '--at', '1h']);
    expect(before).toEqual({ code: 3, out: '', errors: 'strata: There is no value for theme at global.\n' });
    expect(await strata.json(['explain', 'theme'])).toMatchObject({ key: 'theme', value: { mode: 'light', size: 1 } });
  });
});

describe('strata all', () => {
  it('lists the effective values, or those that match a glob', async () => {
    await strata.service.set('all/one', { a: 1 }, { scope: 'global' }, 'ann');
    await strata.service.set('all/two', 'x', { scope: 'org', scopeId: 'acme' }, 'ann');
    const { code, out } = await strata.run(['all', 'all/*', '--org', 'acme']);
    expect(code).toBe(0);
    expect(out).toBe('KEY      VALUE\nall/one  {"a":1}\nall/two  "x"\n');
    expect(await strata.json(['all', 'all/*'])).toEqual({ 'all/one': { a: 1 } });
    expect((await strata.run(['all', 'nothing*'])).out).toBe('No values.\n');
  });
});

describe('strata export', () => {
  it('prints the document of a scope, or writes it to a file', async () => {
    await strata.service.set('exported', 1, { scope: 'org', scopeId: 'export' }, 'ann');
    const { code, out } = await strata.run(['export', '--org', 'export']);
    expect(code).toBe(0);
    expect(out).toBe(await strata.service.exportConfig({ scope: 'org', scopeId: 'export' }));
    const written = await strata.run(['export', '--org', 'export', '-o', 'export.json']);
    expect(written).toEqual({ code: 0, out: 'The export is in export.json\n', errors: '' });
    const nowhere = await strata.run(['export', '-o', 'no/such/directory/x.json']);
    expect([nowhere.code, nowhere.errors.split('\n').length]).toEqual([1, 2]);
  });

  it('takes the format from the name of the file, a subtree, a past time, and what is effective', async () => {
    const at = { scope: 'org', scopeId: 'forms' } as const;
    await strata.service.set('form', { a: 1 }, at, 'ann');
    for (const file of ['forms.yaml', 'forms.env', '.env', 'forms.json']) {
      expect((await strata.run(['export', '--org', 'forms', '-o', file])).code).toBe(0);
      const format = file.endsWith('yaml') ? 'yaml' : file.endsWith('env') ? 'env' : 'json';
      const written = await readFile(join(strata.directory, file), 'utf8');
      expect(written).toBe(await strata.service.exportConfig(at, format));
    }
    const past = await strata.json(['export', '--org', 'forms', '--subtree', '--at', '1h']);
    expect(past).toMatchObject({ subtree: true, settings: [] });
    const effective = await strata.json(['export', '--org', 'forms', '--effective', '--revision', '1']);
    expect(effective).toMatchObject({ format: 'strata-effective' });
    expect((await strata.run(['export', '--org', 'forms', '--subtree', '--format', 'env'])).code).toBe(2);
  });
});

describe('strata import', () => {
  it('writes what a document holds, once', async () => {
    const at = { scope: 'org', scopeId: 'import' } as const;
    await strata.service.set('imported', { a: 1 }, at, 'ann');
    await strata.run(['export', '--org', 'import', '-o', 'import.yaml']);
    await strata.service.set('imported', { a: 2 }, at, 'ann');
    const dry = await strata.run(['import', 'import.yaml', '--dry-run']);
    expect(dry).toEqual({
      code: 0,
      errors: '',
      out: 'imported at org:import would change:\n- a: 2\n+ a: 1\n1 to be imported, 0 as they are, 0 to be approved, 0 refused\n',
    });
    const done = await strata.run(['import', 'import.yaml', '-m', 'Back']);
    expect([done.code, done.out]).toEqual([0, '1 imported, 0 as they are, 0 waiting for approvals, 0 refused\n']);
    expect(await strata.json(['import', 'import.yaml'])).toMatchObject({ imported: 0, skipped: 1 });
    expect(await strata.service.getLayer('imported', at)).toMatchObject({ value: { a: 1 }, comment: 'Back' });
    const piped = await strata.run(['import', '-', '--org', 'piped', '--format', 'env'], { stdin: 'PORT=80\n' });
    expect(piped.code).toBe(0);
    expect(await strata.service.get('PORT', { scope: 'org', scopeId: 'piped' })).toBe(80);
  });

  it('ends as the worst that happened to any key, and lists it', async () => {
    await writeFile(join(strata.directory, 'bad.json'), '{"ok": 1, "pm_intervals": {"lightDuty": 5}}');
    const bad = await strata.run(['import', 'bad.json', '--org', 'bad']);
    expect(bad.code).toBe(5);
    expect(bad.out).toContain('pm_intervals at org:bad: Validation failed: lightDuty must be at least 1000');
    expect(bad.out).toContain('1 imported, 0 as they are, 0 waiting for approvals, 1 refused\n');
    expect(bad.errors).toBe('strata: 1 of the keys were refused, as listed above.\n');
    const at = { scope: 'org', scopeId: 'guarded' } as const;
    await strata.service.set('approval_thresholds', { budgetVariance: 1 }, at, 'ann');
    await writeFile(join(strata.directory, 'guarded.json'), '{"approval_thresholds": {"budgetVariance": 2}}');
    const guarded = await strata.run(['import', 'guarded.json', '--org', 'guarded']);
    expect(guarded.code).toBe(6);
    expect(guarded.out).toMatch(/^Change request created: req-\w+, for approval_thresholds at org:guarded\. /);
    await writeFile(join(strata.directory, 'half.json'), '{"a": 1,');
    const half = await strata.run(['import', 'half.json']);
    expect([half.code, half.out]).toEqual([5, '']);
    expect(half.errors).toContain('The document is not json as it should be, at line 1, column 9: ');
    expect((await strata.run(['import', 'missing.json'])).code).toBe(2);
    expect((await strata.run(['import', 'bad.json', '--org', 'bad', '--replace', '--atomic'])).code).toBe(5);
  });
});

describe('a command that fails', () => {
  it.each([
    [['get', 'brandign'], 3, 'strata: There is no value for brandign at global. Did you mean branding?\n'],
    [['get', 'never-there'], 3, 'strata: There is no value for never-there at global.\n'],
    [['set', 'x', 'dark'], 2, `For the text, write '"dark"' or add --string.\n`],
    [['set', 'x', '1', '--org', 'a', '--user', 'b'], 2, 'Only one of --global, --org, --team and --user'],
    [['set', 'x', '1', '--expires', 'soon'], 2, '--expires takes a time such as'],
    [['get', 'no key'], 2, 'strata: Invalid key "no key": it has a character that is not allowed.'],
    [['get', 'a/../b'], 2, 'has an empty segment or one of dots alone, which a URL cannot hold.'],
    [['get', 'x', 'a..b'], 2, 'is not a path; write it like a.b[0]'],
    [['get', 'x', '--url', 'nowhere'], 2, 'strata: Invalid url: "nowhere" is no address of a server'],
    [['get', 'x', '--url', 'http://127.0.0.1:9'], 7, 'strata: Cannot reach http://127.0.0.1:9: '],
    [['get', 'x', '--timeout', '0'], 2, 'Give a number of seconds above 0'],
    [['gte', 'x'], 2, 'Did you mean get?'],
    [['get', 'x', '--ogr', 'a'], 2, 'Did you mean --org?'],
    [['get'], 2, "missing required argument 'key'"],
  ])('%j ends with %i and says why', async (args, code, message) => {
    await strata.service.set('x', 1, { scope: 'global' }, 'ann');
    const outcome = await strata.run(args);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.errors).toContain(message);
  });

  it('names the part that was most likely meant', async () => {
    await strata.service.set('parts', { timeout: 1 }, { scope: 'global' }, 'ann');
    const { code, errors } = await strata.run(['get', 'parts', 'timeuot']);
    expect([code, errors]).toEqual([3, 'strata: There is nothing at timeuot of parts. Did you mean timeout?\n']);
  });
});
