/** Owns the one notation for paths into a value: `a.b[0]`, with `["…"]` for names that are not identifiers. */
import { ConfigurationError } from './errors.ts';

/** The steps from the root of a value: property names and array indexes. The empty path is the whole value. */
export type Path = readonly (string | number)[];

const identifier = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** Writes a path as text. The whole value is `$`, which never begins a longer path: a property called `$` is written `["$"]` there. */
export function formatPath(path: Path): string {
  if (path.length === 0) return '$';
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else if (!identifier.test(step) || (text === '' && step === '$')) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

const step = /\.?([A-Za-z_$][A-Za-z0-9_$]*)|\[(0|[1-9][0-9]{0,9})\]|\[("(?:[^"\\]|\\.)*")\]/y;

/**
 * Reads what `formatPath` writes.
 * @throws ConfigurationError `invalid_argument` when `text` is not such a path.
 */
export function parsePath(text: string): Path {
  if (text === '$') return [];
  if (/^\$[.[]/.test(text)) return refuse(text);
  const path: (string | number)[] = [];
  let position = 0;
  while (position < text.length) {
    step.lastIndex = position;
    const match = step.exec(text);
    if (match === null || (match[1] !== undefined && (position === 0) === match[0].startsWith('.')))
      return refuse(text);
    path.push(readStep(match, text));
    position = step.lastIndex;
  }
  return path.length === 0 ? refuse(text) : path;
}

function readStep(match: RegExpExecArray, text: string): string | number {
  if (match[1] !== undefined) return match[1];
  if (match[2] !== undefined) return Number(match[2]);
  try {
    return JSON.parse(match[3] ?? '') as string;
  } catch {
    return refuse(text);
  }
}

function refuse(text: string): never {
  throw new ConfigurationError('invalid_argument', {
    argument: 'path',
    problem: `${JSON.stringify(text)} is not a path; write it like a.b[0] or a["other name"], and the whole value as $`,
  });
}

/** Whether `path` is `other` or lies inside it. */
export function isWithin(path: Path, other: Path): boolean {
  return path.length >= other.length && other.every((step, index) => path[index] === step);
}
