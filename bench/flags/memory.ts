/** Owns the benchmark of the memory of flags: what an evaluation takes, and what many flags hold. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compare, type Contender } from '../harness.ts';
import { installPeers } from '../peers.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';
import { kinds } from './workload.ts';

installPeers();
const { evaluators, packages } = await import('./contenders/all.ts');

/** Measures in a process of its own, whose young generation is so large that nothing is collected meanwhile. */
function measured(name: string, ...args: string[]): Contender {
  const file = fileURLToPath(new URL('./memory-process.ts', import.meta.url));
  const flags = ['--conditions=source', '--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];
  return {
    name,
    run: () => Number(execFileSync(process.execPath, [...flags, file, ...args], { encoding: 'utf8' }).trim()),
  };
}

const effort = { unit: 'megabytes', operations: 1 } as const;
const comparisons = [];
for (const kind of kinds) {
  const contenders = Object.keys(evaluators).map((name) => measured(name, 'evaluations', name, kind));
  comparisons.push(await compare(`A million evaluations: ${kind}`, contenders, [], { ...effort, rounds: 1 }));
}
comparisons.push(
  await compare(
    '10,000 flags with three conditions and a percentage',
    [measured('their definitions', 'definitions'), measured('compiled, with their definitions', 'flags')],
    [{ subject: 'compiled, with their definitions', peer: 'their definitions', measure: 'megabytes' }],
    { ...effort, rounds: 3 },
  ),
);

publish({
  name: 'flags/memory',
  about:
    'Memory that evaluations take, whether or not it is soon free again: a megabyte for a million evaluations is a byte for each. Then what 10,000 flags hold, read from JSON, and compiled.',
  comparisons,
  versions: Object.fromEntries(packages.map((name) => [name, packageVersion(name)])),
});
