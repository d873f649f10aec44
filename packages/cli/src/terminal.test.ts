import { describe, expect, it } from 'vitest';
import { printable, wantsColours } from './terminal.ts';

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    [undefined, { CI: 'true' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('on a terminal %j with %j: %j', (isTTY, environment, wanted) => {
    expect(wantsColours(isTTY === undefined ? {} : { isTTY }, environment)).toBe(wanted);
  });
});

describe('a text of someone else', () => {
  it('cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u009bc\u202ed\re\u007f')).toBe('a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\u{d}e\\u{7f}');
  });

  it('keeps its lines and its letters', () => {
    expect(printable('Grüße,\n\tdie Küche 🍲')).toBe('Grüße,\n\tdie Küche 🍲');
  });
});
