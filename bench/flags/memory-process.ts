/** Owns one measurement of memory, in a process that collects garbage only when it is told to; prints megabytes. */
import { compileFlag, type FeatureFlag } from '@strata/core';
import { evaluators } from './contenders/all.ts';
import { strataFlag } from './contenders/strata.ts';
import { kinds } from './workload.ts';

const evaluations = 50_000;
const manyFlags = 10_000;

const [what = '', name = '', givenKind = ''] = process.argv.slice(2);

function held(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function ofEvaluations(): Promise<number> {
  const kind = kinds.find((one) => one === givenKind);
  const evaluator = kind === undefined ? undefined : await evaluators[name]?.(kind);
  if (evaluator === undefined) throw new Error(`there is no ${name} for ${givenKind}`);
  // What is compiled on the way must not count.
  await evaluator.run(evaluations * 6);
  const before = held();
  await evaluator.run(evaluations);
  const taken = process.memoryUsage().heapUsed - before;
  evaluator.close?.();
  return taken / evaluations;
}

function ofFlags(isCompiled: boolean): number {
  const text = JSON.stringify(
    Array.from({ length: manyFlags }, (_, n) => strataFlag('conditions', n, `flag-${String(n)}`)),
  );
  const patterns = () => () => false;
  const compile = (): unknown[] => {
    const definitions = JSON.parse(text) as FeatureFlag[];
    return isCompiled ? definitions.map((flag) => compileFlag(flag, { patterns })) : definitions;
  };
  compile();
  const before = held();
  const kept = compile();
  const taken = held() - before;
  if (kept.length !== manyFlags) throw new Error('not all of them were kept');
  return taken / 1e6;
}

const megabytes = what === 'evaluations' ? await ofEvaluations() : ofFlags(what === 'flags');
console.log(megabytes);
// Clients of others may keep timers.
process.exit();
