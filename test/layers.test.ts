/** Owns the proof that the layering rules see what they are there for, in a small project with a violation of each. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = process.cwd();

/** A project in which everything is allowed. */
const allowed: Readonly<Record<string, string>> = {
  'packages/core/src/index.ts': "export { a } from './a.ts';",
  'packages/core/src/a.ts': 'export const a: number = 1;',
  'packages/core/src/a.test.ts': "import { it } from 'vitest'; import { a } from './index.ts'; it('a', () => a);",
  'packages/core/src/schema/index.ts': "export { s } from './s.ts';",
  'packages/core/src/schema/s.ts':
    "import { z } from 'zod'; import { a } from '../a.ts'; export const s = z.literal(a);",
  'packages/service/src/index.ts': "export { b } from './b.ts';",
  'packages/service/src/b.ts':
    "import { a } from '@strata/core'; import { s } from '@strata/core/schema'; import { RE2JS } from 're2js'; import 'node:fs'; export const b = [a, s, RE2JS];",
  'packages/server/src/index.ts':
    "import { b } from '@strata/service'; import f from 'fastify'; export const c = [b, f];",
  'packages/cli/src/main.ts': "import { c } from '@strata/server'; export const m = c;",
  'examples/x/main.ts': "import { b } from '@strata/service'; export const x = b;",
};

/** Files of which each breaks the rules named; a cycle is told once. */
const violations: readonly (readonly [file: string, text: string, rules: readonly string[]])[] = [
  ['packages/core/src/v1.ts', "import { b } from '@strata/service'; export const v = b;", ['direction-of-core']],
  [
    'packages/core/src/v2.ts',
    "import type { b } from '@strata/service'; export type V = typeof b;",
    ['direction-of-core'],
  ],
  ['packages/core/src/v3.ts', "export const v = () => import('@strata/service');", ['direction-of-core']],
  ['packages/core/src/v4.ts', "import type { ZodType } from 'zod'; export type V = ZodType;", ['core-is-pure']],
  [
    'packages/core/src/v5.ts',
    "import { readFileSync } from 'node:fs'; export const v = readFileSync;",
    ['core-is-pure'],
  ],
  ['packages/core/src/v6.ts', "import { s } from './schema/s.ts'; export const v = s;", ['core-keeps-zod-apart']],
  ['packages/core/src/schema/v7.ts', "import 'node:fs'; export const v = 1;", ['core-schema-takes-only-zod']],
  ['packages/service/src/v8.ts', "import { c } from '@strata/server'; export const v = c;", ['direction-of-service']],
  ['packages/service/src/v9.ts', "import { b } from './index.ts'; export const v = b;", ['not-its-own-index']],
  ['packages/service/src/v10.ts', "import { b } from '@strata/service'; export const v = b;", ['not-its-own-index']],
  ['packages/service/src/v11.ts', "import fc from 'fast-check'; export const v = fc;", ['declared']],
  ['packages/service/src/v12.ts', "import { gone } from './gone.ts'; export const v = gone;", ['resolvable']],
  [
    'packages/service/src/v13.ts',
    "import { a } from '../../core/src/a.ts'; export const v = a;",
    ['through-the-index'],
  ],
  ['packages/service/src/v14.ts', "import type { W } from './w14.ts'; export interface V { w: W }", ['no-cycles']],
  ['packages/service/src/w14.ts', "import type { V } from './v14.ts'; export interface W { v: V }", []],
  [
    'packages/server/src/v15.ts',
    "import { m } from '../../cli/src/main.ts'; export const v = m;",
    ['direction-of-server', 'through-the-index'],
  ],
  [
    'packages/cli/src/v16.ts',
    "import { x } from '../../../examples/x/main.ts'; export const v = x;",
    ['direction-of-cli'],
  ],
  [
    'examples/x/v17.ts',
    "import { b } from '../../packages/service/src/b.ts'; export const v = b;",
    ['examples-through-the-index'],
  ],
];

interface Cruise {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

describe('the layering rules', () => {
  let project: string;

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'strata-layers-'));
    for (const name of ['package.json', 'tsconfig.json', 'tsconfig.base.json', '.dependency-cruiser.cjs']) {
      cpSync(join(root, name), join(project, name));
    }
    mkdirSync(join(project, 'node_modules/@strata'), { recursive: true });
    for (const name of ['core', 'service', 'server', 'cli']) {
      write(`packages/${name}/package.json`, '');
      cpSync(join(root, 'packages', name, 'package.json'), join(project, 'packages', name, 'package.json'));
      symlinkSync(join('../../packages', name), join(project, 'node_modules/@strata', name));
    }
    for (const name of ['zod', 'fastify', 're2js', 'vitest', 'fast-check']) {
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
    }
    for (const [file, text] of Object.entries(allowed)) write(file, text);
  });
  afterAll(() => rmSync(project, { recursive: true }));

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), text);
  }

  /** What the rules say of the project, as `file: rule`. */
  async function cruise(): Promise<string[]> {
    const bin = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
    const args = [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'packages', 'examples'];
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { cwd: project, maxBuffer: 2 ** 24 }, (_error, stdout) => {
        resolve(stdout);
      });
    });
    const { violations } = (JSON.parse(output) as Cruise).summary;
    return violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort();
  }

  it('let pass what is allowed', async () => {
    expect(await cruise()).toEqual([]);
  });

  it('refuse everything else', async () => {
    for (const [file, text] of violations) write(file, text);
    const expected = violations.flatMap(([file, , rules]) => rules.map((rule) => `${file}: ${rule}`));
    expect(await cruise()).toEqual(expected.sort());
  });
});
