/** Owns how differences and what a write would do are shown to people. */
import type { BrokenLayer, DryRun, ReportedProblem } from '@strata/client';
import type { Diff } from '@strata/core';
import { scopeName } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** A line `- path: value` for what goes and `+ path: value` for what comes. */
export function showDiff(diff: readonly Diff[], colours: Colours): string {
  return diff.flatMap((change) => showChange(change, colours)).join('\n');
}

function showChange({ path, oldValue, newValue }: Diff, colours: Colours): string[] {
  const name = printable(path);
  const lines: string[] = [];
  if (oldValue !== undefined) lines.push(colours.red(`- ${name}: ${printable(JSON.stringify(oldValue))}`));
  if (newValue !== undefined) lines.push(colours.green(`+ ${name}: ${printable(JSON.stringify(newValue))}`));
  return lines;
}

/** What a write would do, and what would be in its way. */
export function showDryRun(run: DryRun, colours: Colours): string {
  if (!run.changed) return `${run.key} at ${scopeName(run)} would stay as it is.`;
  const parts = [
    `${run.key} at ${scopeName(run)} would change (impact: ${run.impactLevel}):`,
    showDiff(run.diff, colours),
  ];
  if (!sameChanges(run)) parts.push('The effective value there would change:', showDiff(run.effectiveDiff, colours));
  if (run.wouldBreak.length > 0) {
    parts.push(colours.red('These values below would become invalid:'), showBroken(run.wouldBreak));
  }
  return parts.filter((part) => part !== '').join('\n');
}

function sameChanges({ diff, effectiveDiff }: DryRun): boolean {
  return JSON.stringify(diff) === JSON.stringify(effectiveDiff);
}

/** Values that a schema does not fit, one a line. */
export function showBroken(layers: readonly BrokenLayer[]): string {
  return layers.map((layer) => `  ${layer.key} at ${scopeName(layer)}: ${showProblems(layer.errors)}`).join('\n');
}

/** What is wrong with a value, in one line. */
export function showProblems(problems: readonly ReportedProblem[]): string {
  return printable(problems.map(({ message }) => message).join(', '));
}
