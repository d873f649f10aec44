/** Owns the proof that documents that are not as they should be are refused with the place, and leave nothing behind. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { DocumentFormat, ErrorCode } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const org = { scope: 'org', scopeId: 'o' } as const;

type Case = readonly [name: string, format: DocumentFormat, text: string, code: ErrorCode, message: string];

const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 9 }, (_, level) => {
  const [name, below] = ['bcdefghij'[level], 'abcdefghi'[level]];
  return `${name ?? ''}: &${name ?? ''} [${Array(9)
    .fill(`*${below ?? ''}`)
    .join(', ')}]`;
}).join('\n')}\n`;

const document = (more: object): string =>
  JSON.stringify({ format: 'strata-export', formatVersion: 1, ...org, settings: [], ...more });

const cases: readonly Case[] = [
  [
    'nothing',
    'json',
    '',
    'malformed_document',
    'line 1, column 1: a value is expected, and it ends there: it was cut off',
  ],
  [
    'half an object',
    'json',
    '{\n  "a": 1,',
    'malformed_document',
    'at line 2, column 10: a name in double quotes is expected, and it ends there',
  ],
  ['half a text', 'json', '{"a": "b', 'malformed_document', 'at line 1, column 7: a text has no end'],
  ['a trailing comma', 'json', '{"a": 1,}', 'malformed_document', 'at line 1, column 9: a name in double quotes'],
  ['two documents', 'json', '{}\n{}', 'malformed_document', 'at line 2, column 1: there is more after its end'],
  ['a list', 'json', '[]', 'malformed_document', 'it is no object'],
  [
    'a name twice',
    'json',
    '{"a": 1,\n "a": 2}',
    'malformed_document',
    'at line 2, column 2: the name "a" stands there twice',
  ],
  [
    'a name twice inside a value',
    'json',
    '{"a": {"b": 1, "\\u0062": 2}}',
    'malformed_document',
    'the name "b" stands there twice',
  ],
  [
    'a number that would be rounded',
    'json',
    '{"a": 9007199254740993}',
    'malformed_document',
    'at line 1, column 7: the number 9007199254740993 is too large',
  ],
  ['a number beyond doubles', 'json', '{"a": 1e400}', 'malformed_document', 'the number 1e400 is too large'],
  ['a control character', 'json', '{"a": "\u0001"}', 'malformed_document', 'a control character'],
  ['100,000 levels', 'json', `{"a": ${'['.repeat(100_000)}`, 'malformed_document', 'nested deeper than 64 levels'],
  [
    '200 MB',
    'json',
    ' '.repeat(200 * 1024 * 1024),
    'document_too_large',
    'has 200.0 MiB of json, and 64.0 MiB are allowed',
  ],
  ['a newer version', 'json', document({ formatVersion: 2 }), 'document_unsupported', 'a newer version of Strata'],
  ['no version', 'json', document({ formatVersion: '1' }), 'document_unsupported', 'its format version is "1"'],
  ['effective values', 'json', document({ format: 'strata-effective' }), 'document_unsupported', 'effective values'],
  ['no settings', 'json', document({ settings: {} }), 'malformed_document', 'at settings: it is no list'],
  [
    'a setting without a key',
    'json',
    document({ settings: [{ ...org, value: 1 }] }),
    'malformed_document',
    'settings[0]: its key is missing',
  ],
  [
    'a setting without a value',
    'json',
    document({ settings: [{ key: 'a', ...org }] }),
    'malformed_document',
    'settings[0] (a): its value is missing',
  ],
  [
    'an unknown scope',
    'json',
    document({ settings: [{ key: 'a', scope: 'company', scopeId: 'x', value: 1 }] }),
    'malformed_document',
    'settings[0] (a): "company" is none of',
  ],
  [
    'an address twice',
    'json',
    document({
      settings: [
        { key: 'a', ...org, value: 1 },
        { key: 'a', ...org, value: 2 },
      ],
    }),
    'malformed_document',
    'settings[1] (a): a at org o stands there twice, first as settings[0] (a)',
  ],
  [
    'an address twice, among others in order',
    'json',
    document({
      settings: [
        { key: 'a', ...org, value: 1 },
        { key: 'b', ...org, value: 1 },
        { key: 'a', scope: 'org', scopeId: 'p', value: 1 },
        { key: 'a', ...org, value: 2 },
      ],
    }),
    'malformed_document',
    'settings[3] (a): a at org o stands there twice, first as settings[0] (a)',
  ],
  ['an alias bomb', 'yaml', bomb, 'malformed_document', 'its aliases grow beyond bounds'],
  ['a tag', 'yaml', 'a: !!js/function "x"', 'malformed_document', 'at line 1, column 4: '],
  ['bytes', 'yaml', 'a: !!binary aGVs', 'malformed_document', 'at line 1, column '],
  ['a name twice', 'yaml', 'a: 1\nb: 2\na: 3', 'malformed_document', 'at line 3, column 1: Map keys must be unique'],
  ['two documents', 'yaml', 'a: 1\n---\nb: 2', 'malformed_document', 'multiple documents'],
  [
    'a number that would be rounded',
    'yaml',
    'a: 1\nb: 9007199254740993',
    'malformed_document',
    'at line 2, column 4: the number 9007199254740993',
  ],
  ['infinity', 'yaml', 'a: .inf', 'malformed_document', 'Infinity is not a number in JSON'],
  ['a list', 'yaml', '- a', 'malformed_document', 'it is no mapping'],
  ['nothing', 'yaml', '# nothing\n', 'malformed_document', 'it is no mapping'],
  ['an open bracket', 'yaml', 'a: [1, 2', 'malformed_document', 'line 1, column '],
  ['5,000 levels', 'yaml', `a: ${'['.repeat(5000)}`, 'malformed_document', 'nested deeper than 64 levels'],
  ['70 levels', 'yaml', `a: ${'['.repeat(70)}${']'.repeat(70)}`, 'malformed_document', 'nested deeper than 64 levels'],
  ['a list as a name', 'yaml', '? [a]\n: 1', 'malformed_document', 'line 1, column 3'],
  ['200 MB', 'yaml', ' '.repeat(200 * 1024 * 1024), 'document_too_large', '4.0 MiB are allowed'],
  ['an open quote', 'env', 'A=1\nB="x', 'malformed_document', 'at line 2, column 3: the quote " is not closed'],
  ['no equals sign', 'env', 'A=1\nhello\n', 'malformed_document', 'at line 2, column 1: a line is NAME=text'],
  ['more after a quote', 'env', "A='x'y", 'malformed_document', 'at line 1, column 6: there is more'],
  ['a name twice', 'env', 'A=1\nA=2\n', 'malformed_document', 'at line 2, column 1: "A" stands there twice'],
  ['a broken note', 'env', '# strata {"text"\nA=1\n', 'malformed_document', 'at line 1, column 1: the note of Strata'],
  [
    'an object with a name twice',
    'env',
    'A=1\nB={"a":1,"a":2}\n',
    'malformed_document',
    'at line 2, column 1: the name "a"',
  ],
];

describeDatabases(
  'a bad document',
  (engine) => {
    const services = servicesOn(engine);
    let service: ConfigurationManagementService;
    let revision: () => Promise<number>;
    beforeEach(async () => {
      ({ service, revision } = await services.open());
    });

    it('is refused with its place, and nothing of it is written', { timeout: 60_000 }, async () => {
      for (const [name, format, text, code, message] of cases) {
        const refusal = await expectRefusal(
          service.importConfig(text, format, 'ann', org, { verify: false }),
          code,
        ).catch((error: unknown) => expect.fail(`${format}: ${name}: ${String(error)}`));
        expect(`${format}: ${name}: ${refusal.message}`).toContain(message);
        expect(refusal.message.length).toBeLessThan(400);
      }
      expect(await revision()).toBe(0);
    });

    describe('that was exported', () => {
      const damages: Readonly<Record<string, (text: string) => string>> = {
        'was cut off': (text) => text.slice(0, Math.floor(text.length / 2)),
        'lost its last line': (text) => text.trimEnd().slice(0, text.trimEnd().lastIndexOf('\n') + 1),
        'was tampered with': (text) => text.replace('tamper-me', 'tampered!'),
        'has another checksum': (text) => text.replace(/checksum(["']?: ?"?)[0-9a-f]/, 'checksum$1x'),
        'was moved to another scope': (text) => text.replaceAll(/(scopeId["']?: ?"?)o\b/g, '$1p'),
      };

      it.each(Object.entries(damages))('and %s is refused in every format', async (_name, damage) => {
        await service.set('a', { x: 'tamper-me' }, org, 'ann');
        await service.set('b', 2, org, 'ann');
        for (const format of ['json', 'yaml', 'env'] as const) {
          const text = await service.exportConfig(org, format);
          const damaged = damage(text);
          expect(damaged).not.toBe(text);
          const before = await revision();
          const error: unknown = await service.importConfig(damaged, format, 'ann').catch((reason: unknown) => reason);
          expect(error).toMatchObject({
            code: expect.stringMatching(/^(document_changed|malformed_document)$/) as string,
          });
          expect(await revision()).toBe(before);
        }
      });

      it('and was reordered is refused, unless that is meant', async () => {
        await service.set('a', 1, org, 'ann');
        await service.set('b', 2, org, 'ann');
        const { settings, ...rest } = JSON.parse(await service.exportConfig(org)) as { settings: unknown[] };
        const reordered = JSON.stringify({ ...rest, settings: [...settings].reverse() });
        await expectRefusal(service.importConfig(reordered, 'json', 'ann'), 'document_changed');
        expect(await service.importConfig(reordered, 'json', 'ann', undefined, { verify: false })).toMatchObject({
          skipped: 2,
        });
        // The order of properties never matters.
        const turned = JSON.stringify(Object.fromEntries(Object.entries({ ...rest, settings }).reverse()));
        expect(await service.importConfig(turned, 'json', 'ann')).toMatchObject({ skipped: 2 });
      });

      it('and got a byte order mark and other line ends is read as it was', async () => {
        await service.set('a', { x: 'y' }, org, 'ann');
        for (const format of ['json', 'yaml', 'env'] as const) {
          const text = await service.exportConfig(org, format);
          const changed = `\uFEFF${text.replaceAll('\n', '\r\n')}`;
          expect(await service.importConfig(changed, format, 'ann')).toMatchObject({ skipped: 1, failed: 0 });
        }
      });
    });
  },
  'embedded',
);
