/** Owns the proof that what cannot be meant is refused with a code, and leaves everything as it was. */
import { expect, it } from 'vitest';
import { errorCatalogue, valueLimits, type ErrorCode } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

/** An object or array nested so many levels deep. */
function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  return levels === 0 ? 1 : wrap(nested(levels - 1, wrap));
}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = { back: cyclic };

class Point {
  readonly x = 1;
}

/** Values that no key takes, each with where it is wrong. */
const badValues: readonly (readonly [name: string, value: unknown, path: string])[] = [
  ['undefined', undefined, '$'],
  ['a function', () => 1, '$'],
  ['a symbol', Symbol('s'), '$'],
  ['a BigInt', 10n, '$'],
  ['NaN', Number.NaN, '$'],
  ['Infinity', Number.POSITIVE_INFINITY, '$'],
  ['-Infinity', { a: [Number.NEGATIVE_INFINITY] }, 'a[0]'],
  ['undefined inside', { a: { b: undefined } }, 'a.b'],
  ['a hole in an array', { a: Array(2) }, 'a[0]'],
  ['a function inside', [{ toString: () => 'x' }], '[0].toString'],
  ['a Date', { at: new Date(0) }, 'at'],
  ['a Map', new Map(), '$'],
  ['a class instance', { point: new Point() }, 'point'],
  ['a Buffer', Buffer.from('x'), '$'],
  ['half of a surrogate pair', 'a\ud800', '$'],
  ['half of a surrogate pair as a name', { 'a\udfff': 1 }, '$'],
  ['U+0000', { a: ['\u0000'] }, 'a[0]'],
  ['U+0000 in a name', { a: { '\u0000': 1 } }, 'a'],
  ['__proto__', JSON.parse('{"__proto__":{"admin":true}}'), '$'],
  ['__proto__ deep down', JSON.parse('{"a":[{"b":{"__proto__":1}}]}'), 'a[0].b'],
  ['constructor', { constructor: 1 }, '$'],
  ['prototype', { a: { prototype: {} } }, 'a'],
  ['objects too deep', nested(33, (inner) => ({ a: inner })), Array(32).fill('a').join('.')],
  ['arrays too deep', nested(33, (inner) => [inner]), '[0]'.repeat(32)],
  ['a cycle', cyclic, 'self'],
  ['$unset with another value', { a: { $unset: false } }, 'a'],
  ['$unset beside other properties', { a: { $unset: true, b: 1 } }, 'a'],
  ['$unset inside an array', { a: [{ $unset: true }] }, 'a[0]'],
];

type Call = (service: ConfigurationManagementService, known: { readonly version: string }) => Promise<unknown>;

/** Calls that are refused, by the code of their refusal; the store holds the key `k` at global and a tag `release` on it. */
const badCalls: readonly (readonly [code: ErrorCode, name: string, call: Call])[] = [
  ['invalid_scope', 'an id at global', (s) => s.set('k', 2, { scope: 'global', scopeId: 'x' }, 'ann')],
  ['invalid_scope', 'an org without an id', (s) => s.set('k', 2, { scope: 'org' }, 'ann')],
  ['invalid_scope', 'a team with an empty id', (s) => s.set('k', 2, { scope: 'team', scopeId: '' }, 'ann')],
  ['invalid_scope', 'a user with null for an id', (s) => s.delete('k', { scope: 'user', scopeId: null }, 'ann')],
  ['invalid_scope', 'no scope at all', (s) => s.set('k', 2, undefined as never, 'ann')],
  ['invalid_scope', 'no scope to delete at', (s) => s.delete('k', undefined as never, 'ann')],
  ['invalid_scope', 'no scope to lock at', (s) => s.lockConfig('k', undefined as never, undefined, 'ann')],
  ['invalid_scope', 'null for a scope', (s) => s.set('k', 2, null as never, 'ann')],
  ['invalid_scope', 'a text for a scope', (s) => s.set('k', 2, 'global' as never, 'ann')],
  ['invalid_scope', 'an unknown scope', (s) => s.set('k', 2, { scope: 'organization' as 'org', scopeId: 'o' }, 'ann')],
  ['invalid_scope', 'the scope toString', (s) => s.set('k', 2, { scope: 'toString' as 'org', scopeId: 'o' }, 'ann')],
  ['invalid_scope', 'a change without a scope', (s) => s.commit([{ key: 'k', value: 2 } as never], 'ann')],
  ['invalid_scope', 'a scope to list without its id', (s) => s.getHistory('k', 5, { scope: { scope: 'org' } })],
  ['invalid_argument', 'a number for an id', (s) => s.set('k', 2, { scope: 'org', scopeId: 5 as never }, 'ann')],
  ['invalid_argument', 'an id too long', (s) => s.set('k', 2, { scope: 'org', scopeId: 'x'.repeat(256) }, 'ann')],
  ['invalid_argument', 'an id with U+0000', (s) => s.set('k', 2, { scope: 'org', scopeId: 'a\u0000' }, 'ann')],
  ['invalid_argument', 'an id with half a character', (s) => s.set('k', 2, { scope: 'org', scopeId: '\ud83d' }, 'ann')],
  ['invalid_key', 'an empty key', (s) => s.set('', 2, global, 'ann')],
  ['invalid_key', 'a key too long', (s) => s.set('k'.repeat(256), 2, global, 'ann')],
  ['invalid_key', 'a key with a space', (s) => s.set('a b', 2, global, 'ann')],
  ['invalid_key', 'a key with a line break', (s) => s.set('a\n', 2, global, 'ann')],
  ['invalid_key', 'a key that begins with a dot', (s) => s.set('.a', 2, global, 'ann')],
  ['invalid_key', 'a key beyond ASCII', (s) => s.set('größe', 2, global, 'ann')],
  ['invalid_key', 'the key __proto__', (s) => s.set('__proto__', 2, global, 'ann')],
  ['invalid_key', 'a segment constructor', (s) => s.set('a/constructor', 2, global, 'ann')],
  ['invalid_key', 'a segment prototype', (s) => s.commit([{ key: 'a:prototype', ...global, value: 1 }], 'ann')],
  ['invalid_key', 'a number for a key', (s) => s.set(5 as never, 2, global, 'ann')],
  ['invalid_key', 'a key to delete', (s) => s.delete('a b', global, 'ann')],
  ['invalid_key', 'a key to roll back', (s) => s.rollback('a b', 'HEAD', 'ann', 'x')],
  ['invalid_key', 'a key to lock', (s) => s.lockConfig('a b', org, undefined, 'ann')],
  ['invalid_key', 'a key to describe', (s) => s.registerSchema('a b', {})],
  ['invalid_key', 'a key to blame', (s) => s.blame('a b')],
  ['value_too_large', 'a value too large', (s) => s.set('k', 'x'.repeat(valueLimits.bytes - 1), global, 'ann')],
  [
    'value_too_large',
    'a value too large in bytes',
    (s) => s.set('k', '日'.repeat(valueLimits.bytes / 3), global, 'ann'),
  ],
  ['invalid_version', 'a version of three digits', (s) => s.rollback('k', 'abc', 'ann', 'x')],
  ['invalid_version', 'no version', (s) => s.rollback('k', undefined as never, 'ann', 'x')],
  ['invalid_version', 'a version to expect', (s) => s.set('k', 2, global, 'ann', undefined, { ifVersion: '' })],
  ['invalid_version', 'a time that is none', (s) => s.getDiff('k', '@noon', 'HEAD')],
  ['version_not_found', 'an unknown hash', (s) => s.rollback('k', '0000000000000000', 'ann', 'x')],
  ['version_not_found', 'an unknown tag', (s) => s.rollback('k', 'unknown', 'ann', 'x')],
  ['version_not_found', 'further back than there is', (s) => s.getDiff('k', 'HEAD~5', 'HEAD')],
  ['version_not_found', 'a hash of another key', (s, { version }) => s.rollback('l', version, 'ann', 'x')],
  ['tag_exists', 'a tag that marks another version', async (s) => s.createTag('release', (await s.getLayer('k'))?.version ?? '')], // prettier-ignore
  ['invalid_tag', 'a tag that looks like a hash', (s, { version }) => s.createTag('beef', version)],
  ['scope_cycle', 'a team in itself', (s) => s.registerScope({ ...team, parent: team })],
  ['invalid_parent', 'an org in a team', (s) => s.registerScope({ ...org, parent: team })],
  ['invalid_scope', 'a parent that is none', (s) => s.registerScope({ ...team, parent: null as never })],
  ['invalid_argument', 'a path that is none', (s) => s.lockConfig('k', org, { path: 'a[' }, 'ann')],
  ['invalid_argument', 'a path that is no text', (s) => s.lockConfig('k', org, { path: 5 as never }, 'ann')],
  ['invalid_argument', 'a path beyond all measure', (s) => s.lockConfig('k', org, { path: 'a'.repeat(5000) }, 'ann')],
  ['invalid_schema', 'a schema that is none', (s) => s.registerSchema('k', 5 as never)],
  ['invalid_value', 'a value to check', (s) => s.validateConfig('k', Number.NaN)],
];

describeDatabases('bad input', (engine) => {
  const services = servicesOn(engine);

  /** A store with two versions of `k` at global, the first of them tagged. */
  async function openStore() {
    const opened = await services.open();
    const known = await opened.service.set('k', { a: 1 }, global, 'ann');
    await opened.service.set('k', { a: 2 }, global, 'ann');
    await opened.service.createTag('release', known.version);
    return { ...opened, known };
  }

  it('as a value is refused by every write, with its path', async () => {
    const { service, revision } = await openStore();
    const before = await revision();
    for (const [name, value, path] of badValues) {
      const calls = [
        () => service.set('k', value, global, 'ann'),
        () => service.commit([{ key: 'new', ...org, value }, { key: 'k', ...global, value: 5 }], 'ann'), // prettier-ignore
        () => service.set('k', value, global, 'ann', undefined, { dryRun: true }),
      ];
      for (const call of calls) {
        const refusal = await expectRefusal(call(), 'invalid_value');
        expect([name, refusal.status]).toEqual([name, 400]);
        if (name !== 'a cycle') expect([name, refusal.details['path']]).toEqual([name, path]);
      }
    }
    expect(await revision()).toBe(before);
    expect(await service.get('k')).toEqual({ a: 2 });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('in a call is refused by its code and status, and changes nothing', async () => {
    const { service, database, revision, known } = await openStore();
    const before = await revision();
    for (const [code, name, call] of badCalls) {
      const refusal = await call(service, known).then(
        () => expect.fail(`${name} was taken`),
        (error: unknown) => error,
      );
      expect(refusal, name).toMatchObject({ name: 'ConfigurationError', code, status: errorCatalogue[code].status });
      expect((refusal as Error).message, name).not.toMatch(/\{\w+\}|\[object/);
      expect(await revision(), name).toBe(before);
    }
    expect(await service.get('k')).toEqual({ a: 2 });
    expect(await database.query('SELECT 1 FROM configuration_audit_log')).toHaveLength(3);
    expect([await service.listScopes(), await service.listLocks()]).toEqual([[], []]);
  });

  it('is told from names as long as they may be, all at once', async () => {
    const { database } = await openStore();
    // Without any repetition, so that the store cannot shorten it.
    const longest = (seed: number): string =>
      Array.from({ length: 255 }, (_, index) =>
        String.fromCharCode(0x4e00 + ((index * 7919 + seed * 104_729) % 20_000)),
      ).join('');
    let state = 1;
    const letter = (): string => {
      state = (state * 48_271) % 2_147_483_647;
      return 'abcdefghijklmnopqrstuvwxyz'.charAt(state % 26);
    };
    const text = (length: number): string => Array.from({ length }, letter).join('');
    const service = services.on(database, { environment: longest(1) });
    const [key, tag, path] = [text(255), `z${text(254)}`, text(800)];
    const place = { scope: 'team', scopeId: longest(2) } as const;
    const parent = { scope: 'org', scopeId: longest(3) } as const;
    const named = { ...place, parent, name: longest(4) };
    await service.registerScope(named, { actor: longest(5) });
    const options = { idempotencyKey: longest(6) };
    const { version } = await service.set(key, 1, place, longest(7), undefined, options);
    await service.createTag(tag, version);
    await service.registerSchema(key, {});
    await service.lockConfig(key, place, { path }, longest(8));
    expect(await service.getVersion(key, tag)).toMatchObject({ version, scopeId: place.scopeId, tags: [tag] });
    expect((await service.getScopeChain(place)).map(({ scopeId }) => scopeId)).toEqual([
      null,
      parent.scopeId,
      place.scopeId,
    ]);
    await service.unlockConfig(key, place, { path }, longest(8));
  });

  it('is told from what is just within the limits', async () => {
    const { service } = await openStore();
    const values = [
      nested(32, (inner) => ({ a: inner })),
      nested(32, (inner) => [inner]),
      'x'.repeat(valueLimits.bytes - 2),
      { $unset2: 1, proto: 1, Constructor: 1, __proto: 1, toString: 1, '': 1, 'a.b': 1, '\u0001': '\u0001' },
      Object.assign(Object.create(null) as object, { a: 1 }),
      [1.7976931348623157e308, 5e-324, -0, 2 ** 53 + 2],
    ];
    for (const value of values) {
      await service.set('k'.repeat(255), value, { scope: 'user', scopeId: 'x'.repeat(255) }, 'a'.repeat(255));
      const stored: unknown = await service.get('k'.repeat(255), { scope: 'user', scopeId: 'x'.repeat(255) });
      expect(stored).toEqual(JSON.parse(JSON.stringify(value)));
    }
    const path = Array(200).fill('abc').join('.');
    expect((await service.lockConfig('k', org, { path }, 'ann')).path).toBe(path);
  });
});
