/** Owns the random JSON of property tests: small, so that names and shapes collide often, and full of awkward names and values. */
import fc from 'fast-check';
import type { JsonValue } from '../packages/core/src/json.ts';

/** Property names, most of them awkward. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        '',
        '$',
        '$unset2',
        '0',
        '1',
        '00',
        '-1',
        'a.b',
        'a[0]',
        '"',
        "'",
        '\\',
        '\n',
        ' ',
        'é',
        'é',
        '日本',
        '😀',
        '\u2028',
      ],
      ...['toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'length', 'toJSON', 'then'],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 3 }).map((name) => name.replaceAll('\u0000', '')) },
);

const anyScalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue[]>(
    0,
    1,
    false,
    true,
    '',
    'a',
    null,
    1e21,
    5e-324,
    0.1,
    -1,
    2 ** 53,
    1.7976931348623157e308,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => text.replaceAll('\u0000', '')),
);

/** Any JSON value without `$unset`. */
export const anyJson: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: anyScalar },
    { weight: 2, arbitrary: objectOf(anyName, tie('value')) },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
  ),
})).value;

/** Any layer: mostly objects of few names, so that layers of one chain meet, with `$unset` markers where they may stand. */
export const anyLayer: fc.Arbitrary<JsonValue> = fc.letrec<{ layer: JsonValue }>((tie) => ({
  layer: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    { weight: 2, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant({ $unset: true }) },
    { weight: 7, arbitrary: objectOf(fc.constantFrom('a', 'b', '0', 'toString'), tie('layer')) },
  ),
})).layer;

function objectOf(name: fc.Arbitrary<string>, value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> {
  return fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });
}
