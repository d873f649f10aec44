/** Owns what is left of the engine's errors for people: one finding for each thing that is wrong. */
import {
  eachSubschema,
  isJsonArray,
  isWithin,
  resolveReference,
  type JsonObject,
  type JsonValue,
  type Path,
} from '@strata/core';
import type { ErrorObject } from 'ajv/dist/2020.js';
import { alternatives, describeChoice, describeError, insteadOf, type Finding } from './validation-messages.ts';

/**
 * The findings that an engine's errors amount to. Of the errors of each `anyOf` or `oneOf`, those of the branch that was most likely
 * meant are kept, else one finding says what would be right. What a second keyword says of the same mistake is left out.
 */
export function findingsOf(
  errors: readonly ErrorObject[],
  root: JsonObject,
  value: JsonValue,
  isSecret: (path: Path) => boolean,
): Finding[] {
  const findings: Finding[] = [];
  const reach = new Map<JsonValue, ReadonlySet<unknown>>();
  for (const error of errors) {
    // The branch of a condition, and the name of a property, are reported by errors of their own.
    if (error.keyword === 'if' || (error.propertyName !== undefined && error.keyword !== 'propertyNames')) continue;
    const finding = describeError(error, value, isSecret);
    if (isFailedChoice(error)) {
      const branches = error.schema as readonly JsonValue[];
      const reached = branches.map((branch) => reachFrom(root, branch, reach));
      const inside = takeInside(findings, finding.path, reached);
      const groups = groupByBranch(inside, reached);
      findings.push(...chooseBranch(finding, groups, error.data, isSecret(finding.path)));
    } else findings.push(finding);
  }
  return withoutRepeats(findings);
}

function isFailedChoice({ keyword, params }: ErrorObject): boolean {
  return keyword === 'anyOf' || (keyword === 'oneOf' && !isJsonArray((params as JsonObject)['passingSchemas']));
}

/** All schemas that a branch can lead to. */
function reachFrom(
  root: JsonObject,
  branch: JsonValue,
  known: Map<JsonValue, ReadonlySet<unknown>>,
): ReadonlySet<unknown> {
  const before = known.get(branch);
  if (before !== undefined) return before;
  const reached = new Set<unknown>();
  const pending: (JsonValue | undefined)[] = [branch];
  while (pending.length > 0) {
    eachSubschema(pending.pop(), (node) => {
      if (reached.has(node)) return;
      reached.add(node);
      const reference = node['$ref'];
      if (typeof reference === 'string') pending.push(resolveReference(root, reference));
    });
  }
  known.set(branch, reached);
  return reached;
}

/** Takes the findings of a choice's branches off the end of the list: the engine reports them right before the choice itself. */
function takeInside(findings: Finding[], path: Path, reached: readonly ReadonlySet<unknown>[]): Finding[] {
  let start = findings.length;
  while (start > 0) {
    const finding = findings[start - 1];
    if (finding === undefined || !isWithin(finding.path, path)) break;
    if (!reached.some((schemas) => schemas.has(finding.schema))) break;
    start -= 1;
  }
  return findings.splice(start);
}

/** The findings of each branch: they come in the order of the branches, and each belongs to one that leads to its schema. */
function groupByBranch(inside: readonly Finding[], reached: readonly ReadonlySet<unknown>[]): Finding[][] {
  const groups: Finding[][] = reached.map(() => []);
  let branch = 0;
  for (const finding of inside) {
    const next = reached.findIndex((schemas, index) => index >= branch && schemas.has(finding.schema));
    if (next !== -1) branch = next;
    groups[branch]?.push(finding);
  }
  return groups;
}

const kindKeywords = new Set(['type', 'const', 'enum', 'false schema']);

/** Where a branch shows that it was not meant: the value itself, or the property by which the branches differ, is of another kind. */
function misfit(group: readonly Finding[], path: Path): Finding | undefined {
  const ofKind = group.filter(({ keyword }) => kindKeywords.has(keyword));
  const itself = ofKind.find((finding) => finding.path.length === path.length);
  return itself ?? ofKind.find(({ keyword, path: at }) => keyword !== 'type' && at.length === path.length + 1);
}

function chooseBranch(choice: Finding, groups: readonly Finding[][], data: unknown, secret: boolean): Finding[] {
  if (choice.authored) return [choice];
  const branches = groups.map((group) => ({ group, misfit: misfit(group, choice.path) }));
  const possible = branches.filter((branch) => branch.misfit?.path.length !== choice.path.length);
  if (possible.length === 0)
    return [
      anyKind(
        choice,
        branches.flatMap((branch) => branch.misfit ?? []),
        data,
        secret,
      ),
    ];
  const meant = possible.length === 1 ? possible : possible.filter((branch) => branch.misfit === undefined);
  const [only] = meant;
  if (meant.length === 1 && only !== undefined && only.group.length > 0) return only.group;
  return [
    meant.length === 0
      ? discriminated(
          choice,
          possible.flatMap((branch) => branch.misfit ?? []),
          secret,
        )
      : choice,
  ];
}

/** None of the branches takes this kind of value. */
function anyKind(choice: Finding, misfits: readonly Finding[], data: unknown, secret: boolean): Finding {
  const allowed = misfits.flatMap((finding) => finding.allowed ?? []);
  if (misfits.every(({ keyword }) => keyword === 'type')) {
    return { ...choice, keyword: 'type', text: `must be ${alternatives(allowed)}${insteadOf(data)}`, allowed };
  }
  const isListed = !secret && misfits.every((finding) => finding.allowed !== undefined);
  const text = isListed ? `must be ${alternatives(allowed)}` : 'is not one of the allowed values';
  return { ...choice, keyword: 'enum', text, allowed };
}

/** Each branch wants another value of a property: that of one and the same property is what is wrong. */
function discriminated(choice: Finding, misfits: readonly Finding[], secret: boolean): Finding {
  const [first] = misfits;
  if (first === undefined || misfits.some(({ path }) => path.at(-1) !== first.path.at(-1))) return choice;
  const hidden = secret || misfits.some((finding) => finding.allowed === undefined);
  const { text } = describeChoice([...new Set(misfits.flatMap((finding) => finding.allowed ?? []))], hidden);
  return { ...first, schema: choice.schema, text };
}

/** Leaves out what a second keyword says of the same mistake: of a choice also its type, of a format also its pattern. */
function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const said = new Set(findings.flatMap(({ path, keyword }) => (keyword === 'type' ? [] : [placed(path, keyword)])));
  const repeats: Readonly<Record<string, readonly string[]>> = { type: ['enum', 'const'], pattern: ['format'] };
  const texts = new Set<string>();
  return findings.filter(({ path, keyword, text }) => {
    if (repeats[keyword]?.some((other) => said.has(placed(path, other))) === true) return false;
    if (texts.has(placed(path, text))) return false;
    texts.add(placed(path, text));
    return true;
  });
}

function placed(path: Path, text: string): string {
  return JSON.stringify([path, text]);
}
