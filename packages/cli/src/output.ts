/** Owns how commands print: for people by default, as JSON for scripts. */
import process from 'node:process';
import type { JsonValue } from '@strata/core';
import Table from 'cli-table3';
import { printable, terminalColours, type Colours } from './terminal.ts';

/** Prints to standard output. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Prints `answer` as JSON with `--json`, else what `forPeople` makes of it. */
export function show<Answer>(
  flags: { readonly json?: boolean },
  answer: Answer,
  forPeople: (answer: Answer, colours: Colours) => string,
): void {
  print(flags.json === true ? JSON.stringify(answer, null, 2) : forPeople(answer, terminalColours()));
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns under their names, without lines around them; what is empty shows as `-`. */
export function table(
  colours: Colours,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  const grid = new Table({
    head: columns.map((name) => colours.dim(name.toUpperCase())),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) grid.push(row.map((cell) => (cell === null || cell === '' ? '-' : oneLine(cell))));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A text in one line of a table. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*[\n\t]\s*/g, ' ');
}

const shownCharacters = 60;

/** A value in short, for a table: JSON in one line, cut where it is long. */
export function brief(value: JsonValue): string {
  const text = printable(JSON.stringify(value));
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters - 1)}…` : text;
}

/** A value at full length: JSON over several lines. */
export function full(value: JsonValue): string {
  return printable(JSON.stringify(value, null, 2));
}

/** A scope as the command line takes it: `global`, `org:acme`. */
export function scopeName({
  scope,
  scopeId,
}: {
  readonly scope: string;
  readonly scopeId?: string | null | undefined;
}): string {
  return scopeId === null || scopeId === undefined || scopeId === '' ? scope : `${scope}:${printable(scopeId)}`;
}

/** A time for people: that of this machine, to the second. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[two(time.getHours()), two(time.getMinutes()), two(time.getSeconds())].join(':')}`;
}
