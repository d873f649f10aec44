/** Owns the check for what does not belong in the project: machine paths, hosts, leftovers, tests that do not run, dead links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One thing that must not be where it is. */
export interface Finding {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly problem: string;
}

interface Rule {
  readonly problem: string;
  /** The files that it looks at, by their path from the root. */
  readonly files: RegExp;
  readonly pattern: RegExp;
}

const rules: readonly Rule[] = [
  { problem: 'a path of one machine', files: /./, pattern: /(?<![\w.~})-])\/(?:home|root|Users|work|tmp)\/\w/ },
  {
    problem: 'a host that packages came from',
    files: /^package-lock\.json$/,
    pattern: /"resolved":\s*"(?:git\+)?\w+:/,
  },
  { problem: 'a registry', files: /(^|\/)\.npmrc$/, pattern: /registry\s*=|_auth/ },
  { problem: 'a place outside the project', files: /./, pattern: /\.\.\/shared\b/ },
  { problem: 'a number of a tracker', files: /./, pattern: /\bissues? #?\d+/i },
  {
    problem: 'unfinished',
    files: /^packages\/[^/]+\/(src|migrations)\//,
    pattern: /\b(TODO|FIXME|XXX|unimplemented|for now)\b|not implemented/,
  },
  {
    problem: 'a test that does not run',
    files: /\.test\.tsx?$/,
    pattern: /\b(?:it|test|describe)\.(?:\w+\.)?(?:skip|only|todo)\b/,
  },
];

const generated = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache', '.strata', '.cluster']);
const binary = /\.(svg|png|ico|woff2?|gz|tsbuildinfo)$/;

/** What does not belong in one file, given by its path from the root of the project. */
export function findProblems(file: string, text: string): Finding[] {
  const applied = rules.filter((rule) => rule.files.test(file));
  return text
    .split('\n')
    .flatMap((content, index) =>
      applied
        .filter((rule) => rule.pattern.test(content))
        .map((rule) => ({ file, line: index + 1, problem: `${rule.problem}: ${content.trim().slice(0, 120)}` })),
    );
}

/** The relative links of a Markdown file that lead nowhere. `exists` is asked with a path from the root of the project. */
export function findDeadLinks(file: string, text: string, exists: (path: string) => boolean): Finding[] {
  return text.split('\n').flatMap((content, index) =>
    [...content.matchAll(/\]\((?!\w+:|#)([^)\s#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !exists(join(dirname(file), target)))
      .map((target) => ({ file, line: index + 1, problem: `a link that leads nowhere: ${target}` })),
  );
}

/** What does not belong anywhere below `root`. */
export function checkProject(root: string): Finding[] {
  return listFiles(root).flatMap((path) => {
    const file = relative(root, path);
    const text = readFileSync(path, 'utf8');
    const problems = findProblems(file, text);
    if (!file.endsWith('.md')) return problems;
    return [...problems, ...findDeadLinks(file, text, (target) => existsSync(join(root, target)))];
  });
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (generated.has(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() && !binary.test(entry.name) ? [path] : [];
  });
}

if (import.meta.main) {
  const findings = checkProject(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const { file, line, problem } of findings) console.error(`${file}:${String(line)}: ${problem}`);
  if (findings.length > 0) process.exitCode = 1;
  else console.log('nothing found that does not belong');
}
