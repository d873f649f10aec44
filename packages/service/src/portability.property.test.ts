/** Owns the proof that values come back from every format as they were, whatever they are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dotenvLine, readDotenv, sameJson, type JsonValue } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { anyLayer, anyName } from '../../../test/json-arbitraries.ts';
import { servicesOn } from '../../../test/services.ts';
import { readYamlDocument } from './yaml-document.ts';
import { yamlMembers } from './yaml-text.ts';

const runs = (quick: number): { readonly numRuns: number } => ({
  numRuns: process.env['STRATA_TIER'] === 'soak' ? quick * 50 : quick,
});

/** Texts that one format or another takes for something else. */
const awkward = [
  ...[
    'no',
    'Yes',
    'NULL',
    '~',
    'true',
    'on',
    'y',
    '1e3',
    '0x1F',
    '0o17',
    '012',
    '1_000',
    '12:30',
    '2026-01-02',
    '.inf',
    '.nan',
    '-0',
  ],
  ...[
    '',
    ' ',
    ' a ',
    '- a',
    '? a',
    'a: b',
    ': a',
    'a #b',
    '#a',
    '%a',
    '@a',
    '`a`',
    '&a',
    '*a',
    '!a',
    '|',
    '>',
    '{a',
    '[a',
    ']',
    '}',
    ',',
    '=',
    '<<',
  ],
  ...[
    '"',
    "'",
    `it's "both"`,
    '\\',
    '\\n',
    '$HOME',
    '`id`',
    'a\nb',
    '\n',
    '\na\n',
    'a\r\nb',
    '\r',
    '\t',
    '\u0001',
    '\u001b[0m',
    '\u007f',
  ],
  ...[
    '\u0085',
    '\u00a0',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\ufffe',
    '\uffff',
    '\u{1f600}',
    'é',
    'x'.repeat(3000),
    '---',
    '...',
    'null',
  ],
  ...['{"a":1}', '"quoted"', '[1]', '5', '5.0', '-5', '12345678901234567890'],
];
const text = fc.oneof(
  fc.constantFrom(...awkward),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((one) => one.replaceAll('\u0000', '')),
);
const number = fc.oneof(
  fc.constantFrom(0, -1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2 ** 53, -(2 ** 63), 123456789012345680000, 0.1),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => (one === 0 ? 0 : one)),
);
const name = fc.oneof(anyName, text);
const value: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: text },
    { weight: 2, arbitrary: number },
    { weight: 1, arbitrary: fc.constantFrom<JsonValue[]>(null, true, false, {}, [], [[]], [{}], { a: {} }) },
    { weight: 2, arbitrary: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }) },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
  ),
})).value;

describe('a text in a format', () => {
  it('of YAML is read as the value that was written', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }), (object) => {
        const read = readYamlDocument(yamlMembers(object, ''));
        expect(sameJson(read, object), JSON.stringify([read, object])).toBe(true);
      }),
      runs(300),
    );
  });

  it('of .env is read as the text that was written', () => {
    // eslint-disable-next-line no-control-regex
    const line = text.filter((one) => !/[\u0000-\u0009\u000b-\u001f]/.test(one));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (texts) => {
        const file = texts.map((one, index) => dotenvLine(`NAME_${String(index)}`, one)).join('');
        expect(readDotenv(file).entries.map((entry) => entry.text)).toEqual(texts);
      }),
      runs(300),
    );
  });
});

describeDatabases('a round trip', (engine) => {
  const services = servicesOn(engine);

  it(
    'through each format gives the same values, and changes nothing the second time',
    { timeout: 120_000 },
    async () => {
      const { service, revision } = await services.open();
      let count = 0;
      const key = fc.constantFrom('a', 'a.b', 'a_b', 'a/b', 'no', '5', '0x1F', 'null', 'A-B:c');
      const settings = fc.uniqueArray(fc.tuple(key, fc.oneof(anyLayer, value)), {
        selector: ([one]) => one,
        minLength: 1,
      });
      await fc.assert(
        fc.asyncProperty(settings, fc.constantFrom('json', 'yaml', 'env'), async (entries, format) => {
          count += 1;
          const from = { scope: 'org', scopeId: `from-${String(count)}` } as const;
          const to = { scope: 'org', scopeId: `to-${String(count)}` } as const;
          await service.commit(
            entries.map(([name, one]) => ({ key: name, ...from, value: one })),
            'ann',
          );
          const exported = await service.exportConfig(from, format);
          const { imported, errors } = await service.importConfig(exported, format, 'ann', to);
          expect({ imported, errors }).toEqual({ imported: entries.length, errors: [] });
          for (const [name, one] of entries) {
            const copied = await service.getLayer(name, to);
            expect(sameJson(copied?.value, one), JSON.stringify([format, copied?.value, one])).toBe(true);
          }
          const before = await revision();
          expect(await service.importConfig(exported, format, 'ann', from)).toMatchObject({
            imported: 0,
            skipped: entries.length,
          });
          expect(await revision()).toBe(before);
        }),
        runs(25),
      );
    },
  );
});
