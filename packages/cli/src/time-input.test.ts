import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { parseMoment } from './time-input.ts';

const now = new Date('2026-03-01T12:00:00.000Z');
const ahead = (text: string): string => parseMoment(text, '--expires', 'ahead', now);

describe('a time on the command line', () => {
  it.each([
    ['90s', '2026-03-01T12:01:30.000Z'],
    ['30m', '2026-03-01T12:30:00.000Z'],
    ['2h', '2026-03-01T14:00:00.000Z'],
    ['7d', '2026-03-08T12:00:00.000Z'],
    ['1w', '2026-03-08T12:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31 12:00:00.5Z', '2026-01-31T12:00:00.500Z'],
    ['2026-01-31T12:00Z', '2026-01-31T12:00:00.000Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ])('%s is read as %s', (text, iso) => {
    expect(ahead(text)).toBe(iso);
  });

  it('is counted back where it lies in the past', () => {
    expect(parseMoment('2h', '--at', 'ago', now)).toBe('2026-03-01T10:00:00.000Z');
  });

  it('without a zone is that of this machine', () => {
    expect(ahead('2026-01-31T12:00:00')).toBe(new Date(2026, 0, 31, 12).toISOString());
  });

  it.each([
    '',
    '2',
    'h',
    '2 h',
    '-2h',
    '2y',
    '1.5h',
    'tomorrow',
    '31.01.2026',
    '2026-02-30',
    '2026-13-01T00:00:00Z',
    '999999999w',
  ])('%j is refused as wrong usage, with an example', (text) => {
    let error: unknown;
    try {
      ahead(text);
    } catch (caught) {
      error = caught;
    }
    expect(String(error)).toContain('--expires takes a time such as 2026-01-31T12:00:00Z, or 2h (in two hours)');
    expect(exitCodeOf(error)).toBe(exitCodes.usage);
  });
});
