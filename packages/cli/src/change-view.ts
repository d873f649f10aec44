/** Owns how differences and what a write would do are shown to people. */
import type { BrokenLayer, DryRun, ReportedProblem, RevertDryRun, RevertedLayer } from '@strata/client';
import type { Diff, ImpactAnalysis, ImpactReport } from '@strata/core';
import { showImpact } from './impact-view.ts';
import { scopeName } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** A line `- path: value` for what goes and `+ path: value` for what comes. */
export function showDiff(diff: readonly Diff[], colours: Colours): string {
  return diff.flatMap((change) => showChange(change, colours)).join('\n');
}

function showChange({ path, oldValue, newValue }: Diff, colours: Colours): string[] {
  const name = printable(path);
  const shown: string[] = [];
  if (oldValue !== undefined) shown.push(colours.red(`- ${name}: ${printable(JSON.stringify(oldValue))}`));
  if (newValue !== undefined) shown.push(colours.green(`+ ${name}: ${printable(JSON.stringify(newValue))}`));
  return shown;
}

/** What a write would do, and to whom. */
export function showDryRun(run: DryRun, colours: Colours): string {
  return lines(showChangedLayer(run, colours), run.changed ? `\n${showConsequences(run, colours)}` : '');
}

/** What storing a value would do, and to whom. */
export function showImpactReport(report: ImpactReport, colours: Colours): string {
  return showDryRun({ dryRun: true, ...report }, colours);
}

/** What a revert would do to each layer, and to whom. */
export function showRevertDryRun(run: RevertDryRun, colours: Colours): string {
  const layers = run.changes.map((layer) => showChangedLayer(layer, colours));
  return lines(...layers, run.changes.some(({ changed }) => changed) ? `\n${showConsequences(run, colours)}` : '');
}

function showChangedLayer(layer: RevertedLayer, colours: Colours): string {
  const name = `${layer.key} at ${scopeName(layer)}`;
  if (!layer.changed) return `${name} would stay as it is.`;
  return lines(
    `${name} would change (impact: ${layer.impactLevel}):`,
    showDiff(layer.diff, colours),
    ...(sameChanges(layer) ? [] : ['The effective value there would change:', showDiff(layer.effectiveDiff, colours)]),
  );
}

function showConsequences(impact: Omit<ImpactAnalysis, 'revision'>, colours: Colours): string {
  const { wouldBreak, requiresApproval, minimumApprovals: count, requiredApprovers } = impact;
  const approvals = count === 1 ? 'an approval' : `${String(count)} approvals`;
  return lines(
    ...(wouldBreak.length === 0
      ? []
      : [colours.red('These values below would become invalid:'), showBroken(wouldBreak)]),
    requiresApproval
      ? `It would become a change request, which needs ${approvals}: ${printable(requiredApprovers.join(' or '))}.`
      : '',
    showImpact(impact, colours),
  );
}

function lines(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

function sameChanges({ diff, effectiveDiff }: Pick<DryRun, 'diff' | 'effectiveDiff'>): boolean {
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
