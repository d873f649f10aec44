/** Owns `npm run bench`: runs all benchmarks, or those whose names begin with an argument, each in a process of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const names = [
  'storage/hot-reads',
  'storage/large-reads',
  'storage/writes',
  'storage/embedded',
  'storage/server-memory',
  'access/authorize',
  'access/policies',
  'audit/verification',
  'audit/writes',
  'flags/counters',
  'flags/evaluation',
  'flags/memory',
  'impact/analysis',
  'secrets/encryption',
  'live/cache',
  'live/commit-to-callback',
  'live/fan-out',
  'live/servers',
  'portability/transfer',
];

const asked = process.argv.slice(2);
const chosen = names.filter((name) => asked.length === 0 || asked.some((prefix) => name.startsWith(prefix)));
if (chosen.length === 0) {
  console.error(`There is no benchmark ${asked.join(', ')}. There are: ${names.join(', ')}.`);
  process.exitCode = 1;
}
for (const name of chosen) {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--conditions=source', file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
