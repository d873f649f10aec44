/** Owns the proof that the hygiene check finds what it is there for, and finds nothing in the project. */
import { describe, expect, it } from 'vitest';
import { checkProject, findDeadLinks, findProblems } from '../scripts/hygiene.ts';

// Put together here, since this file is checked as well.
const join = (...parts: string[]): string => parts.join('');
const samples: readonly (readonly [problem: string, file: string, text: string])[] = [
  ['a path of one machine', 'docs/a.md', join('see /', 'home/ada/strata')],
  ['a host that packages came from', 'package-lock.json', '      "resolved": "https://registry.example/zod.tgz",'],
  ['a registry', '.npmrc', 'registry=https://registry.example'],
  ['a place outside the project', 'README.md', join('../', 'shared/x.md')],
  ['a number of a tracker', 'CHANGELOG.md', join('fixes issue', ' #12')],
  ['unfinished', 'packages/core/src/merge.ts', '// TODO: arrays'],
  ['a test that does not run', 'packages/core/src/merge.test.ts', join('it', ".only('merges', () => {})")],
  ['a test that does not run', 'test/x.test.ts', join('describe', ".skip('x', () => {})")],
  ['a test that does not run', 'test/x.test.ts', join('it.concurrent', ".todo('x')")],
];

describe('the hygiene check', () => {
  it.each(samples)('finds %s in %s', (problem, file, text) => {
    expect(findProblems(file, `first line\n${text}\n`)).toEqual([
      { file, line: 2, problem: expect.stringContaining(`${problem}: `) as string },
    ]);
  });

  it.each([
    ['docs/a.md', 'https://example.com/home/page and ~/work/x and `${base}/tmp/x`'],
    ['package-lock.json', '      "resolved": "packages/core",'],
    ['packages/core/src/merge.test.ts', "it('skips only what is told', () => {})"],
    ['docs/a.md', 'a tracker may hold an issue, and the issues page lists them'],
  ])('lets pass what belongs: %s', (file, text) => {
    expect(findProblems(file, text)).toEqual([]);
  });

  it('finds links to files that are not there', () => {
    const text = '[a](a.md) [b](../b.md#part) [web](https://example.com) [here](#part)';
    expect(findDeadLinks('docs/x.md', text, (path) => path === 'docs/a.md')).toEqual([
      { file: 'docs/x.md', line: 1, problem: 'a link that leads nowhere: ../b.md' },
    ]);
  });

  it('finds nothing in the project', () => {
    expect(checkProject(process.cwd())).toEqual([]);
  });
});
