import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

const acme = { scope: 'org', scopeId: 'acme' } as const;
const global = { scope: 'global' } as const;

let strata: CommandLine;
let first: string;
let second: string;
let third: string;
beforeAll(async () => {
  strata = await startCommandLine();
  const { service } = strata;
  first = (await service.set('branding', { primaryColor: '#111111' }, global, 'ann', 'First')).version;
  second = (await service.set('branding', { primaryColor: '#222222', companyName: 'a' }, global, 'bob', 'Two\nlines'))
    .version;
  third = (await service.set('branding', { primaryColor: '#333333' }, acme, 'cyd')).version;
  await service.createTag('stable-v1.0', first, 'Approved');
});
afterAll(() => strata.close());

describe('strata log', () => {
  it('lists the versions as git does, newest first', async () => {
    const { code, out, errors } = await strata.run(['log', 'branding']);
    expect([code, errors]).toEqual([0, '']);
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
    expect(out).toMatch(
      new RegExp(
        `^version ${third}\nKey:      branding\nScope:    org:acme\nAuthor:   cyd\nDate:     ${time} \\(revision 3\\)\n\nversion`,
      ),
    );
    expect(out).toMatch(
      new RegExp(`version ${second}\nKey: .*\nScope: +global\nAuthor: +bob\nDate: .*\n\n    Two\n    lines\n`),
    );
    expect(out).toContain(`version ${first} (tag: stable-v1.0)\n`);
  });

  it('can be one version a line, of one scope, and page by page', async () => {
    const { out, errors } = await strata.run(['log', 'branding', '--global', '--oneline', '-n', '1']);
    expect(out).toMatch(new RegExp(`^VERSION .*\n${second}  .*  bob     global  set     -     Two lines\n$`));
    expect(errors).toBe(`There is more: add --before ${second}\n`);
    const page = await strata.json(['log', 'branding', '--global', '--before', second]);
    expect(page).toMatchObject({ versions: [{ version: first, tags: ['stable-v1.0'] }], next: null });
    expect((await strata.run(['log', 'branding', '--before', '1'])).out).toBe('Nothing older.\n');
  });

  it.each([
    [['log', 'brandng'], 3, 'strata: There is no value for brandng at any scope. Did you mean branding?\n'],
    [['log', 'branding', '--org', 'none'], 3, 'strata: There is no value for branding at org:none.\n'],
    [['log', 'branding', '-n', 'x'], 2, 'Give a whole number above 0.'],
  ])('ends %j with %i', async (args, code, message) => {
    const outcome = await strata.run(args);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.errors).toContain(message);
  });
});

describe('strata show', () => {
  it.each([
    [[], () => second],
    [['HEAD~1'], () => first],
    [['stable-v1.0'], () => first],
    [['HEAD', '--org', 'acme'], () => third],
  ])('%j names a version', async (args, version) => {
    expect(await strata.json(['show', 'branding', ...args])).toMatchObject({ version: version() });
  });

  it('prints the value below the version', async () => {
    const { out } = await strata.run(['show', 'branding', first.slice(0, 8)]);
    expect(out).toContain(`version ${first} (tag: stable-v1.0)\n`);
    expect(out).toMatch(/\n {4}First\n\n\{\n {2}"primaryColor": "#111111"\n\}\n$/);
  });

  it('knows no version that is not there', async () => {
    const outcome = await strata.run(['show', 'branding', 'HEAD~9']);
    expect(outcome).toEqual({
      code: 3,
      out: '',
      errors: 'strata: No version HEAD~9 of branding. See: strata log branding\n',
    });
    expect((await strata.run(['show', 'brandin'])).errors).toContain('Did you mean branding?');
    expect((await strata.run(['show', 'branding', '~'])).code).toBe(2);
  });
});

describe('strata diff', () => {
  it('shows the last change, or what lies between two versions', async () => {
    expect(await strata.run(['diff', 'branding'])).toEqual({
      code: 0,
      out: '+ companyName: "a"\n- primaryColor: "#111111"\n+ primaryColor: "#222222"\n',
      errors: '',
    });
    expect((await strata.run(['diff', 'branding', second, first])).out).toContain('- companyName: "a"\n');
    expect((await strata.run(['diff', 'branding', 'stable-v1.0', first])).out).toBe('No difference.\n');
    expect(await strata.json(['diff', 'branding', first, third])).toEqual([
      { path: 'primaryColor', operation: 'modify', oldValue: '#111111', newValue: '#333333' },
    ]);
  });

  it('colours on request', async () => {
    const { out } = await strata.run(['diff', 'branding'], { environment: { FORCE_COLOR: '1' } });
    expect(out).toContain('\u001b[32m+ companyName: "a"\u001b[39m\n\u001b[31m- primaryColor');
  });
});

describe('strata rollback', () => {
  it('shows what it would do, then puts an earlier value back', async () => {
    const { service } = strata;
    const one = await service.set('rolled', { a: 1 }, global, 'ann');
    await service.set('rolled', { a: 2 }, global, 'ann');
    const dry = await strata.run(['rollback', 'rolled', one.version, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, errors: '' });
    expect(dry.out).toContain('would change (impact: low):\n- a: 2\n+ a: 1\n');
    const { code, out } = await strata.run(['rollback', 'rolled', 'HEAD~1', '-m', 'Too much']);
    expect(code).toBe(0);
    expect(out).toMatch(/^rolled at global rolled back: version [0-9a-f]{16}, revision \d+\n$/);
    expect((await strata.run(['show', 'rolled'])).out).toContain(`Rollback: to ${one.version}\n\n    Too much\n`);
  });

  it('gives a reason of its own where none is given, and can be conditional', async () => {
    const one = await strata.service.set('again', 1, acme, 'ann');
    await strata.service.set('again', 2, acme, 'ann');
    expect((await strata.run(['rollback', 'again', one.version, '--if-version', one.version])).code).toBe(4);
    expect(await strata.json(['rollback', 'again', 'HEAD~1', '--org', 'acme'])).toMatchObject({
      comment: 'Roll back to HEAD~1',
      value: 1,
      isRollback: true,
    });
    expect((await strata.run(['rollback', 'again', 'HEAD~1'])).code).toBe(3);
  });
});

describe('strata revert', () => {
  it('shows what it would do, then undoes a commit without what came later', async () => {
    const { service } = strata;
    await service.set('reverted', { a: 1, b: 1 }, acme, 'ann');
    const { commit, revision } = await service.set('reverted', { a: 2, b: 1 }, acme, 'ann');
    await service.set('reverted', { a: 2, b: 3 }, acme, 'carl');
    const dry = await strata.run(['revert', String(revision), '--dry-run']);
    expect(dry).toMatchObject({ code: 0, errors: '' });
    expect(dry.out).toMatch(
      /^reverted at org:acme would change \(impact: low\):\n- a: 2\n\+ a: 1\n\nreaches {4}0 users/,
    );
    const { code, out } = await strata.run(['revert', String(revision), '-m', 'Too much']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Revision \d+:\n {2}reverted at org:acme set: version [0-9a-f]{16}, revision \d+\n$/);
    expect((await strata.run(['show', 'reverted', '--org', 'acme'])).out).toContain('    Too much\n');
    expect((await strata.run(['revert', commit])).out).toMatch(/^ {2}reverted at org:acme set: version/m);
    expect(await service.get('reverted', acme)).toEqual({ a: 1, b: 3 });
  });

  it('gives a reason of its own where none is given, and happens once under its key', async () => {
    await strata.service.set('undone', 1, acme, 'ann');
    const { revision } = await strata.service.set('undone', 2, acme, 'ann');
    const args = ['revert', String(revision), '--idempotency-key', 'undo-1'];
    const done = await strata.json(args);
    expect(done).toMatchObject({ comment: `Revert ${String(revision)}`, versions: [{ key: 'undone', value: 1 }] });
    await strata.service.set('undone', 3, acme, 'ann');
    expect(await strata.json(args)).toEqual(done);
  });

  it('is refused with a code that says why', async () => {
    const { service } = strata;
    await service.registerSchema('bound', { type: 'object', maxProperties: 1 });
    await service.set('bound', { a: 1 }, global, 'ann');
    const { revision } = await service.delete('bound', global, 'ann');
    await service.set('bound', { b: 1 }, acme, 'ann');
    const dry = await strata.run(['revert', String(revision), '--dry-run']);
    expect(dry).toMatchObject({ code: 5 });
    expect(dry.out).toContain('These values below would become invalid:\n  bound at org:acme:');
    expect((await strata.run(['revert', String(revision)])).code).toBe(5);
    expect((await strata.run(['revert', String(revision), '--dry-run', '--force'])).code).toBe(0);
    await service.set('bound', { a: 2 }, global, 'ann', undefined, { force: true });
    const conflict = await strata.run(['revert', String(revision)]);
    expect(conflict.code).toBe(4);
    expect(conflict.errors).toContain(
      'cannot be reverted, since later commits changed the same parts: a of bound at global',
    );
    const { version } = await service.set('named', 1, global, 'ann');
    const tag = await service.createTag('revert-me', version);
    expect(await strata.run(['revert', String(tag.revision)])).toMatchObject({ code: 5 });
    expect((await strata.run(['revert', '999999'])).code).toBe(3);
    expect((await strata.run(['revert', 'HEAD'])).code).toBe(2);
  });

  it('tells how many approvals it would need', async () => {
    const { revision } = await strata.service.set('system_settings', { sessionTimeout: 10 }, global, 'ann');
    expect((await strata.run(['revert', String(revision), '--dry-run'])).out).toContain(
      'It would become a change request, which needs 2 approvals: whoever may approve, besides the author.\n',
    );
  });
});

describe('strata restore', () => {
  it('puts a whole scope back to a revision, as one commit', async () => {
    const scope = { scope: 'org', scopeId: 'restored' } as const;
    const kept = await strata.service.set('kept', 1, scope, 'ann');
    await strata.service.set('kept', 2, scope, 'ann');
    await strata.service.set('added', 1, scope, 'ann');
    const args = ['restore', '--org', 'restored', '--revision', String(kept.revision), '-m', 'Undo'];
    const { code, out } = await strata.run(args);
    expect(code).toBe(0);
    expect(out).toMatch(/^Revision \d+:\n/);
    expect(out).toMatch(/^ {2}kept at org:restored rolled back: version/m);
    expect(out).toMatch(/^ {2}added at org:restored deleted: version/m);
    expect(await strata.json(['all', '--org', 'restored'])).toMatchObject({ kept: 1 });
    expect(await strata.json(['all', 'added', '--org', 'restored'])).toEqual({});
  });

  it('takes a tag or a time', async () => {
    const scope = { scope: 'org', scopeId: 'tagged' } as const;
    const one = await strata.service.set('release', 1, scope, 'ann');
    await strata.service.createTag('release-7', one.version);
    await strata.service.set('release', 2, scope, 'ann');
    const commit = await strata.json(['restore', '--org', 'tagged', '--tag', 'release-7']);
    expect(commit).toMatchObject({ committedBy: 'ann', versions: [{ key: 'release', value: 1 }] });
    expect((await strata.run(['restore', '--org', 'tagged', '--at', '0s'])).code).toBe(0);
  });

  it.each([
    [['restore', '--global'], 'Give one of --at, --revision and --tag.'],
    [['restore', '--global', '--at', '1h', '--tag', 't'], 'Give one of --at, --revision and --tag.'],
    [['restore', '--revision', '1'], 'Name the scope to restore'],
    [['restore', '--global', '--revision', 'x'], '--revision takes a whole number above 0.'],
  ])('refuses %j', async (args, message) => {
    const { code, errors } = await strata.run(args);
    expect(code).toBe(2);
    expect(errors).toContain(message);
  });
});

describe('strata tag', () => {
  it('names a version and lists the names', async () => {
    const { version } = await strata.service.set('marked', 1, acme, 'ann');
    const create = ['tag', 'create', 'release-8', 'marked', 'HEAD', '--org', 'acme', '-d', 'The eighth'];
    expect(await strata.run(create)).toEqual({
      code: 0,
      out: `release-8 marks version ${version} of marked at org:acme\n`,
      errors: '',
    });
    const list = await strata.run(['tag', 'list', 'marked']);
    expect(list.out).toMatch(
      new RegExp(`^TAG .*\nrelease-8  marked  org:acme  ${version}  \\S+ \\S+  ann     The eighth\n$`),
    );
    expect(await strata.json(['tag', 'list', '--tag', 'stable-v1.0'])).toMatchObject([{ version: first }]);
    expect((await strata.run(['tag', 'list', '--org', 'none'])).out).toBe('No tags.\n');
  });

  it('never moves', async () => {
    const { code, errors } = await strata.run(['tag', 'create', 'stable-v1.0', 'branding']);
    expect(code).toBe(4);
    expect(errors).toContain('A tag never moves');
    expect((await strata.run(['tag', 'create', 'HEAD', 'branding'])).code).toBe(2);
    expect((await strata.run(['tag', 'create', 'new', 'branding', 'ffff'])).code).toBe(3);
  });
});

describe('strata blame', () => {
  it('names the last change of each part', async () => {
    const { code, out } = await strata.run(['blame', 'branding']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^primaryColor  "#222222"  ${second}  \\S+ \\S+  bob     Two lines$`, 'm'));
    expect(await strata.json(['blame', 'branding', '--org', 'acme'])).toMatchObject({
      scope: 'org',
      scopeId: 'acme',
      leaves: [{ path: 'primaryColor', changedBy: 'cyd' }],
    });
    const none = await strata.run(['blame', 'branding', '--org', 'none']);
    expect(none).toEqual({ code: 3, out: '', errors: 'strata: There is no value for branding at org:none.\n' });
  });
});
