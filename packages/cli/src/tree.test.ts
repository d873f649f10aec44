import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
});
afterAll(() => strata.close());

describe('strata scopes', () => {
  it('registers scopes with their parents, lists them and shows the chain', async () => {
    const { run } = strata;
    expect(await run(['scopes', 'add', 'org:acme', '--name', 'Acme Inc.'])).toEqual({
      code: 0,
      out: 'org:acme inherits from global\n',
      errors: '',
    });
    expect((await run(['scopes', 'add', 'team:north', '--parent', 'org:acme'])).out).toContain('from org:acme\n');
    const ada = ['--parent', 'team:north', '--parent', 'team:south', '--primary', 'team:south'];
    expect((await run(['scopes', 'add', 'user:ada', ...ada])).out).toContain('team:south (primary)');

    const { out } = await run(['scopes', 'list']);
    expect(out).toMatch(/^SCOPE +NAME +INHERITS FROM\norg:acme +Acme Inc\. +global\n/);
    expect(out).toMatch(/^team:north +- +org:acme$/m);
    expect(await strata.json(['scopes', 'list', 'team', '--parent', 'org:acme'])).toMatchObject([{ scopeId: 'north' }]);

    expect((await run(['scopes', 'chain', 'user:ada'])).out).toBe('global > team:south > user:ada\n');
    const explicit = await run(['scopes', 'chain', 'user:ada', '--team', 'north', '--org', 'acme']);
    expect(explicit.out).toBe('global > org:acme > team:north > user:ada\n');
    expect(await strata.json(['scopes', 'chain', 'team:north'])).toEqual([
      { scope: 'global', scopeId: null },
      { scope: 'org', scopeId: 'acme' },
      { scope: 'team', scopeId: 'north' },
    ]);
  });

  it('lists all of them, however many pages that takes', async () => {
    const orgs = Array.from({ length: 250 }, (_, index) => `many-${String(index)}`);
    for (const scopeId of orgs) await strata.service.registerScope({ scope: 'org', scopeId });
    const listed = (await strata.json(['scopes', 'list', 'org'])) as { scopeId: string }[];
    expect(listed.filter(({ scopeId }) => scopeId.startsWith('many-'))).toHaveLength(250);
  });

  it('removes what nothing depends on', async () => {
    await strata.run(['scopes', 'add', 'team:gone', '--parent', 'org:going']);
    const used = await strata.run(['scopes', 'remove', 'org:going']);
    expect(used.code).toBe(4);
    expect(used.errors).toMatch(/^strata: The scope org going cannot be removed[^\n]*\n$/);
    expect(await strata.run(['scopes', 'remove', 'team:gone'])).toEqual({
      code: 0,
      out: 'team:gone is removed\n',
      errors: '',
    });
    expect(await strata.json(['scopes', 'remove', 'org:going'])).toMatchObject({ scopeId: 'going', removed: true });
    const again = await strata.run(['scopes', 'remove', 'org:going']);
    expect([again.code, again.errors.trim()]).toEqual([
      3,
      'strata: The scope org going is not registered. See: strata scopes list',
    ]);
  });

  it.each([
    [['scopes', 'add', 'acme'], 2],
    [['scopes', 'add', 'team:a', '--parent', 'user:b'], 2],
    [['scopes', 'add', 'org:a', '--parent', 'org:a'], 4],
    [['scopes', 'list', 'teams'], 2],
    [['scopes', 'lst'], 2],
    [['scopes'], 2],
  ])('ends %j with %i', async (args, code) => {
    const outcome = await strata.run(args);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.errors).not.toBe('');
  });
});

describe('strata lock, locks and unlock', () => {
  it('keep the scopes below from changing a part', async () => {
    const { run } = strata;
    await strata.service.set('colours', { main: 'red', other: 'blue' }, { scope: 'global' }, 'ann');
    expect(await run(['lock', 'colours', 'main', '-m', 'Identity'])).toEqual({
      code: 0,
      out: 'main of colours is locked by global\n',
      errors: '',
    });
    const refused = await run(['set', 'colours', '{"main": "green"}', '--org', 'acme']);
    expect(refused.code).toBe(5);
    expect(refused.errors).toMatch(/^strata: colours is locked at main by global[^\n]*\n$/);
    expect((await run(['set', 'colours', '{"other": "green"}', '--org', 'acme'])).code).toBe(0);
    expect((await run(['explain', 'colours', '--org', 'acme'])).out).toMatch(/^main .* global \(locked by global\) /m);

    expect((await run(['locks', 'colours'])).out).toMatch(
      /^KEY .*\ncolours  main  global     ann     \S+ \S+  Identity\n$/,
    );
    expect(await strata.json(['locks', '--global'])).toMatchObject([{ key: 'colours', path: 'main', lockedBy: 'ann' }]);
    expect((await run(['lock', 'colours', 'main'])).code).toBe(4);
    expect((await run(['lock', 'colours', 'other'])).code).toBe(5);

    expect((await run(['unlock', 'colours', 'main'])).out).toBe('main of colours is no longer locked by global\n');
    expect((await run(['locks'])).out).toBe('No locks.\n');
    expect((await run(['unlock', 'colours', 'main'])).code).toBe(3);
  });

  it('take the whole value where no path is given', async () => {
    const lock = await strata.json(['lock', 'whole', '--org', 'acme']);
    expect(lock).toMatchObject({ key: 'whole', path: '$', scope: 'org', scopeId: 'acme' });
    expect((await strata.run(['unlock', 'whole', '--org', 'acme'])).out).toBe(
      'whole is no longer locked by org:acme\n',
    );
  });
});

describe('strata schema', () => {
  const schema = { type: 'object', properties: { max: { type: 'integer', maximum: 10 } }, additionalProperties: false };

  it('is set from a file, shown, listed and used', async () => {
    const { run } = strata;
    await writeFile(join(strata.directory, 'limits.schema.json'), JSON.stringify(schema));
    const options = ['--description', 'Bounds', '--allow', 'global', 'org', '--impact', 'medium', '-m', 'Agreed'];
    const set = await run(['schema', 'set', 'limits', '@limits.schema.json', ...options]);
    expect(set).toMatchObject({ code: 0, errors: '' });
    expect(set.out).toMatch(/^limits has this schema from revision \d+ on\n$/);

    expect((await run(['schema', 'list'])).out).toMatch(/^limits +global, org +medium +deep +Bounds$/m);
    const shown = (await run(['schema', 'show', 'limits'])).out;
    expect(shown).toMatch(/^limits\nBounds\nScopes: +global, org\nImpact: +medium\nMerge: +deep\n\n\{\n/);
    expect(await strata.json(['schema', 'show', 'limits'])).toMatchObject({ key: 'limits', jsonSchema: schema });
    expect(await strata.json(['schema', 'list'])).toContainEqual(expect.objectContaining({ key: 'branding' }));

    expect(await run(['schema', 'validate', 'limits', '{"max": 5}'])).toEqual({
      code: 0,
      out: 'The value fits the schema of limits.\n',
      errors: '',
    });
    const unfit = await run(['schema', 'validate', 'limits', '-'], { stdin: '{"max": 50}' });
    expect([unfit.code, unfit.out]).toEqual([5, '']);
    expect(unfit.errors).toMatch(/^strata: The value does not fit the schema of limits: max must be at most 10/);
    const json = await run(['schema', 'validate', 'limits', '{"max": 50}', '--json']);
    expect([json.code, JSON.parse(json.out)]).toMatchObject([5, { valid: false, errors: [{ path: 'max' }] }]);

    expect((await run(['set', 'limits', '{"max": 11}'])).code).toBe(5);
    expect((await run(['set', 'limits', '{"max": 1}', '--team', 'north'])).code).toBe(5);
  });

  it('is refused where stored values do not fit, or reports them', async () => {
    await strata.service.set('stored', { max: 50 }, { scope: 'org', scopeId: 'acme' }, 'ann');
    const text = JSON.stringify(schema);
    const refused = await strata.run(['schema', 'set', 'stored', text]);
    expect(refused.code).toBe(5);
    expect(refused.errors).toContain('Correct those first, or add --on-invalid report.');
    const { code, out } = await strata.run(['schema', 'set', 'stored', '-', '--on-invalid', 'report'], { stdin: text });
    expect(code).toBe(0);
    expect(out).toMatch(/Stored values that do not fit it:\n {2}stored at org:acme: max must be at most 10\n$/);
  });

  it.each([
    [['schema', 'show', 'unheard-of'], 3],
    [['schema', 'set', 'k', '[]'], 2],
    [['schema', 'set', 'k', '{"type": "thing"}'], 5],
    [['schema', 'set', 'k', '{}', '--merge', 'shallow'], 2],
    [['schema', 'validate', 'k'], 2],
  ])('ends %j with %i', async (args, code) => {
    const outcome = await strata.run(args);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.errors).not.toBe('');
  });
});
