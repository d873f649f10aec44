/** Owns how what is wrong with a document is told: with the place in its text. */
import { ConfigurationError } from './errors.ts';

/** The forms in which documents of values are written and read. */
export const documentFormats = ['json', 'yaml', 'env'] as const;
export type DocumentFormat = (typeof documentFormats)[number];

/** The place of a character, as editors count: `line 3, column 7`. */
export function positionOf(text: string, index: number): string {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < index; end = text.indexOf('\n', end + 1)) {
    line += 1;
    start = end + 1;
  }
  return `line ${String(line)}, column ${String(index - start + 1)}`;
}

/** Refuses a document that cannot be read. @throws ConfigurationError `malformed_document`. */
export function refuseDocument(format: DocumentFormat, position: string, problem: string, cause?: unknown): never {
  throw new ConfigurationError('malformed_document', { format, position, problem }, { cause });
}

/** Editors on Windows put a byte order mark before a text, which is none of it. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** Whether a whole number is what its text says, or the text is how JavaScript itself writes the number. */
export function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  return !/^-?[0-9]+$/.test(source) || String(value) === source || BigInt(value) === BigInt(source);
}
