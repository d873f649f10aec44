/** Owns how results are told: a table on the console, and one section per benchmark in `results.md`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import type { Comparison, Spread, Verdict } from './harness.ts';

/** What one benchmark found. */
export interface Report {
  /** The name that `npm run bench -- <name>` knows. */
  readonly name: string;
  /** What was measured on which data, in a few sentences. */
  readonly about: string;
  readonly comparisons: readonly Comparison[];
  /** What took part, by name, with its version. */
  readonly versions: Readonly<Record<string, string>>;
}

const resultsFile = new URL('./results.md', import.meta.url);

/** Prints a report and puts it in `results.md` in place of the last one of that name. */
export function publish(report: Report): void {
  const section = sectionOf(report);
  console.log(`\n${section}`);
  const old = existsSync(resultsFile) ? readFileSync(resultsFile, 'utf8') : '';
  const sections = new Map(
    old
      .split(/^(?=## )/m)
      .filter((text) => text.startsWith('## '))
      .map((text) => [text.slice(3, text.indexOf('\n')), text.trim()]),
  );
  sections.set(report.name, section);
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  writeFileSync(resultsFile, `${[heading, ...sorted].join('\n\n')}\n`);
}

const heading = `# Results

Written by \`npm run bench\`; [README.md](README.md) says how to read it. Only ratios count: both sides of each took turns in one run.`;

function sectionOf({ name, about, comparisons, versions }: Report): string {
  return [
    `## ${name}`,
    about,
    ...comparisons.map(tablesOf),
    `Machine: ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${String(availableParallelism())} cores; ${process.platform} ${process.arch}. ` +
      `Date: ${new Date().toISOString().slice(0, 10)}. Versions: ${Object.entries({
        node: process.versions.node,
        ...versions,
      })
        .map(([what, version]) => `${what} ${version}`)
        .join(', ')}.`,
    `Command: \`npm run bench -- ${name}\``,
  ].join('\n\n');
}

function tablesOf({ title, unit, rounds, measured, verdicts }: Comparison): string {
  const table =
    unit === 'time'
      ? [
          `| median of ${String(rounds)} rounds (p10–p90) | time each | per second |`,
          '| --- | --- | --- |',
          ...measured.map(
            ({ name, each }) => `| ${name} | ${spreadText(each, duration)} | ${count(1e9 / each.median)} |`,
          ),
        ]
      : [
          `| median of ${String(rounds)} rounds (p10–p90) | memory |`,
          '| --- | --- |',
          ...measured.map(({ name, each }) => `| ${name} | ${spreadText(each, megabytes)} |`),
        ];
  const parts = [`### ${title}`, table.join('\n')];
  return [...parts, ...(verdicts.length === 0 ? [] : [verdictTable(verdicts)])].join('\n\n');
}

function verdictTable(verdicts: readonly Verdict[]): string {
  return [
    '| goal | measured (p10–p90) | must | stretch | |',
    '| --- | --- | --- | --- | --- |',
    ...verdicts.map(verdictRow),
  ].join('\n');
}

function verdictRow({ goal, ratio, holds }: Verdict): string {
  const write =
    goal.measure !== 'megabytes'
      ? times
      : goal.peer === undefined
        ? megabytes
        : (value: number) => `${value < 0 ? '−' : '+'}${megabytes(Math.abs(value))}`;
  const bar = goal.measure === 'rate' ? 'at least' : 'at most';
  const barText = (value: number | undefined): string => (value === undefined ? '' : `${bar} ${write(value)}`);
  return (
    `| ${goal.id === undefined ? '' : `${goal.id}: `}${goal.subject}${goal.peer === undefined ? '' : ` vs ${goal.peer}`}, ${goal.measure} | **${write(ratio.median)}** (${write(ratio.p10)}–${write(ratio.p90)}) ` +
    `| ${barText(goal.must)} | ${barText(goal.stretch)} | ${holds === 'missed' ? '**missed**' : holds} |`
  );
}

function spreadText({ median, p10, p90 }: Spread, write: (value: number) => string): string {
  return `${write(median)} (${write(p10)}–${write(p90)})`;
}

const times = (ratio: number): string => `${ratio.toFixed(2)}x`;
const megabytes = (size: number): string => `${size.toFixed(0)} MB`;

function duration(nanoseconds: number): string {
  const [unit, size]: readonly [string, number] =
    nanoseconds < 1e3 ? ['ns', 1] : nanoseconds < 1e6 ? ['µs', 1e3] : nanoseconds < 1e9 ? ['ms', 1e6] : ['s', 1e9];
  return `${(nanoseconds / size).toPrecision(3)} ${unit}`;
}

function count(value: number): string {
  return value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US');
}
