import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../../test/json-arbitraries.ts';
import { readJsonDocument, readLongDocument } from './strict-json.ts';

const anyDocument = fc.record({ before: anyJson, list: fc.oneof(fc.array(anyJson), anyJson), after: anyJson });

describe('readLongDocument', () => {
  it('reads what is read as a whole, as often as its items are gone through', () => {
    fc.assert(
      fc.property(anyDocument, fc.constantFrom(undefined, 2), (document, indent) => {
        const text = JSON.stringify(document, undefined, indent);
        const { members, items } = readLongDocument(text, 'list');
        const whole = readJsonDocument(text);
        expect(items !== undefined).toBe(Array.isArray(document.list));
        for (let times = 0; times < 2; times += 1) {
          expect(items === undefined ? members : { ...members, list: [...items] }).toEqual(whole);
        }
      }),
    );
  });

  it('refuses at once what is refused as a whole, with the same words', () => {
    fc.assert(
      fc.property(anyDocument, fc.nat(), fc.constantFrom('', ',', ']', '}', '"', '1e999'), (document, place, put) => {
        const text = JSON.stringify(document);
        const at = place % text.length;
        const damaged = text.slice(0, at) + put + text.slice(at + 1);
        expect(outcomeOf(() => readLongDocument(damaged, 'list'))).toBe(outcomeOf(() => readJsonDocument(damaged)));
      }),
    );
  });

  it('refuses a list that stands there twice, and a text that is no object', () => {
    expect(outcomeOf(() => readLongDocument('{"list":[1],"list":[2]}', 'list'))).toContain('stands there twice');
    expect(outcomeOf(() => readLongDocument('[1]', 'list'))).toContain('it is no object');
  });
});

function outcomeOf(read: () => unknown): string {
  try {
    read();
    return 'read';
  } catch (error) {
    return String(error);
  }
}
