/** Owns what may go to a terminal: colours, and texts that others wrote. */
import process from 'node:process';
import picocolors from 'picocolors';

/** Functions that colour a text, or leave it as it is. */
export type Colours = ReturnType<typeof picocolors.createColors>;

/** The part of a stream that decides on colours. */
interface Screen {
  readonly isTTY?: boolean;
}

/** Whether to colour: on a terminal, unless NO_COLOR is set or the terminal is dumb; with FORCE_COLOR anywhere. */
export function wantsColours(screen: Screen, environment: Readonly<Record<string, string | undefined>>): boolean {
  const has = (name: string): boolean => (environment[name] ?? '') !== '';
  if (has('NO_COLOR')) return false;
  if (has('FORCE_COLOR') && environment['FORCE_COLOR'] !== '0') return true;
  return screen.isTTY === true && environment['TERM'] !== 'dumb';
}

/** The colours of standard output. */
export function terminalColours(): Colours {
  return picocolors.createColors(wantsColours(process.stdout, process.env));
}

/**
 * A text as it may be shown: characters that would move the cursor, recolour or reorder what is on the screen are written as
 * `\u{…}`. Line ends and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll(
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
