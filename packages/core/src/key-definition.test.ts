import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import { mergeKeyDefinition, parseKeyDefinition } from './key-definition.ts';

describe('what is said of a key', () => {
  it('keeps what is not spoken of, and loses what is null', () => {
    const before = { owner: 'fleet', services: ['api'], restartNeeded: true };
    const said = parseKeyDefinition({ services: ['web', 'api', 'web'], restartNeeded: null, baseImpact: 'high' });
    expect(mergeKeyDefinition(before, said)).toEqual({ owner: 'fleet', services: ['api', 'web'], baseImpact: 'high' });
    expect(mergeKeyDefinition(before, parseKeyDefinition({}))).toEqual(before);
  });

  it.each([
    [undefined],
    [[]],
    [{ name: 'x' }],
    [{ owner: '' }],
    [{ services: 'api' }],
    [{ services: [1] }],
    [{ services: Array.from({ length: 101 }, (_, index) => `s${String(index)}`) }],
    [{ baseImpact: 'huge' }],
    [{ restartNeeded: 'yes' }],
    [{ downtimeSeconds: -1 }],
    [{ downtimeSeconds: 86_401 }],
    [{ downtimeSeconds: Number.NaN }],
  ])('is refused as %j', (input) => {
    expect(codeOf(() => parseKeyDefinition(input))).toBe('invalid_argument');
  });
});
