import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventParser, type ServerSentEvent } from './event-parser.ts';

const read = (...pieces: string[]): ServerSentEvent[] => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.read(piece));
};
const event = (name: string, data: string, id = '', retry?: number): ServerSentEvent => ({ name, data, id, retry });

describe('a stream of events', () => {
  it.each([
    ['one with all fields', 'retry: 20\nevent: commit\nid: 1:a\ndata: {}\n\n', [event('commit', '{}', '1:a', 20)]],
    ['no name', 'data: x\n\n', [event('message', 'x')]],
    ['several lines of data', 'data: a\ndata:b\ndata\n\n', [event('message', 'a\nb\n')]],
    ['comments, unknown fields and no data', ': hi\n\nfoo: 1\nevent: x\n\ndata: 1\n\n', [event('message', '1')]],
    [
      'an id that stays',
      'id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
      [event('message', 'a', '7'), event('message', 'b', '7'), event('message', 'c')],
    ],
    ['what is not whole', 'data: a\n\ndata: b\n', [event('message', 'a')]],
    ['a mark at the start', '\ufeffdata: a\n\n', [event('message', 'a')]],
    ['a retry that is none', 'retry: soon\ndata: a\n\n', [event('message', 'a')]],
    ['an id with U+0000', 'id: a\u0000\ndata: a\n\n', [event('message', 'a')]],
  ])('with %s is read as the standard says', (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('is read the same wherever it is cut and however its lines end', () => {
    const text = ': c\nretry: 5\nevent: commit\nid: 1\ndata: {"a":"é"}\n\ndata: x\ndata: y\n\n\nevent: e\ndata: z\n\n';
    const whole = read(text);
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(text.length * 2), { maxLength: 8 }),
        (end, cuts) => {
          const lines = text.replaceAll('\n', end);
          const places = [0, ...cuts.map((cut) => Math.min(cut, lines.length)).sort((a, b) => a - b), lines.length];
          const pieces = places.slice(1).map((place, index) => lines.slice(places[index], place));
          // After a lone carriage return a line feed could follow still.
          expect(read(...pieces, end === '\r' ? ':' : '')).toEqual(whole);
        },
      ),
    );
  });
});
