/** Owns the form of .env files: a name and a text on each line, and notes of ours in comments, which other readers pass over. */
import { positionOf, refuseDocument } from './document-text.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { readJsonDocument } from './strict-json.ts';

/** One line of a file. */
export interface DotenvEntry {
  readonly name: string;
  readonly text: string;
  /** What the comment right above says to us. */
  readonly note: JsonObject | undefined;
  /** Where it stands. */
  readonly position: string;
}

/** A file: its entries, and the notes that stand above none. */
export interface DotenvFile {
  readonly entries: readonly DotenvEntry[];
  readonly notes: readonly JsonObject[];
}

const noteMark = '# strata ';

/** A note as a line of its own. */
export function dotenvNote(note: JsonObject): string {
  return `${noteMark}${JSON.stringify(note).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`;
}

/**
 * A line that gives a name a text, such that a shell reads it the same. A text with control characters other than line feeds has no such
 * form: write it as JSON first.
 */
export function dotenvLine(name: string, text: string): string {
  if (/^[\w./:@%+,-]*$/.test(text) && text !== '') return `${name}=${text}\n`;
  if (!text.includes("'")) return `${name}='${text}'\n`;
  return `${name}="${text.replaceAll(/[\\"$`]/g, '\\$&')}"\n`;
}

/** JSON text without quotes that a line would end with. */
export function dotenvJson(value: JsonValue): string {
  return JSON.stringify(value).replaceAll("'", '\\u0027');
}

const line = /[ \t]*(?:export[ \t]+)?([A-Za-z0-9_][A-Za-z0-9_.:/-]*)[ \t]*=[ \t]*/y;
const blank = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
const rest = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;

/**
 * Reads a .env file: `NAME=text`, an optional `export` before it, texts bare or in single, double or back quotes. In double quotes `\n`,
 * `\r` and `\t` are characters, and a backslash takes `"`, `\`, `$` and a back quote as they are. Comments begin with `#`.
 * @throws ConfigurationError `malformed_document` with the line and column.
 */
export function readDotenv(text: string): DotenvFile {
  const entries: DotenvEntry[] = [];
  const notes: JsonObject[] = [];
  const refuse = (at: number, problem: string): never => refuseDocument('env', positionOf(text, at), problem);
  let note: JsonObject | undefined;
  for (let at = 0; at < text.length;) {
    const start = at;
    const skipped = matchAt(blank, text, at);
    if (skipped !== undefined) {
      if (note !== undefined) notes.push(note);
      note = skipped[0].startsWith(noteMark) ? readNote(skipped[0].slice(noteMark.length), text, at) : undefined;
      at += Math.max(1, skipped[0].length);
      continue;
    }
    const begin = matchAt(line, text, at);
    if (begin === undefined) return refuse(at, 'a line is NAME=text or begins with #');
    at += begin[0].length;
    const read = readText(text, at, refuse);
    at = read.end;
    const tail = matchAt(rest, text, at);
    if (tail === undefined) return refuse(at, 'there is more after the closing quote');
    at += tail[0].length;
    entries.push({ name: begin[1] ?? '', text: read.value, note, position: positionOf(text, start) });
    note = undefined;
  }
  if (note !== undefined) notes.push(note);
  return { entries, notes };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

function readNote(json: string, text: string, at: number): JsonObject {
  try {
    return readJsonDocument(json);
  } catch (error) {
    return refuseDocument('env', positionOf(text, at), 'the note of Strata in this comment cannot be read', error);
  }
}

interface ReadText {
  readonly value: string;
  /** Where it ends. */
  readonly end: number;
}

function readText(text: string, at: number, refuse: (at: number, problem: string) => never): ReadText {
  const sign = text[at];
  if (sign !== "'" && sign !== '"' && sign !== '`') return readBare(text, at);
  let value = '';
  for (let end = at + 1; end < text.length; end += 1) {
    const character = text[end] ?? '';
    if (character === sign) return { value, end: end + 1 };
    if (sign === '"' && character === '\\') {
      end += 1;
      value += unescape(text[end] ?? '');
    } else value += character;
  }
  return refuse(at, `the quote ${sign} is not closed`);
}

/** What a backslash and a character mean in double quotes. */
function unescape(character: string): string {
  if (character === 'n') return '\n';
  if (character === 'r') return '\r';
  if (character === 't') return '\t';
  return '\\"$`'.includes(character) && character !== '' ? character : `\\${character}`;
}

function readBare(text: string, at: number): ReadText {
  const newline = text.indexOf('\n', at);
  const end = newline === -1 ? text.length : newline;
  const whole = text.slice(at, end);
  // A comment begins with a # after a space, so that colours such as #336699 are texts.
  const value = (/^(.*?)(?:[ \t]#.*)?$/s.exec(whole)?.[1] ?? whole).trimEnd();
  return { value, end: at + value.length };
}
