/** Owns what is told of a flag that changes: who flips, and what could not be judged, in words. */
import type { FlagFlip, FlagImpact } from './impact-report.ts';
import type { UnjudgedPart } from './flags/unjudged.ts';

/** How many attributes are named in words. */
const named = 5;

/** What is told of one flag. @param unjudged of the flag as it is and as it would be; what is in both counts once. */
export function flagImpact(name: string, flips: readonly FlagFlip[], unjudged: Iterable<UnjudgedPart>): FlagImpact {
  const parts = new Map([...unjudged].map((one) => [`${one.flag} ${one.part}`, one]));
  const unknownAttributes = [...new Set([...unjudged].flatMap(({ attributes }) => attributes))].sort();
  return {
    name,
    flippedUsers: flips.reduce((sum, { users }) => sum + users, 0),
    flips: [...flips].sort((a, b) => compareFlips(a, b)),
    unjudgedRules: parts.size,
    unknownAttributes,
    ...(parts.size === 0 ? {} : { note: noteOf(parts.size, unknownAttributes) }),
  };
}

function compareFlips(a: FlagFlip, b: FlagFlip): number {
  if (a.users !== b.users) return b.users - a.users;
  return textOf(a) < textOf(b) ? -1 : 1;
}
const textOf = ({ from, to }: FlagFlip): string => JSON.stringify([from, to]);

function noteOf(rules: number, attributes: readonly string[]): string {
  const others = attributes.length - named;
  const names = [...attributes.slice(0, named), ...(others > 0 ? [`${String(others)} more`] : [])];
  const list = names.length === 1 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
  const [subject, object] = rules === 1 ? ['one rule goes', 'it was'] : [`${String(rules)} rules go`, 'they were'];
  const it = attributes.length === 1 ? 'it' : 'any of them';
  return `${subject} by ${list}, which Strata does not know of users, and could not be judged: ${object} evaluated as if nobody had ${it}`;
}
