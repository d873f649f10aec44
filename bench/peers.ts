/** Owns the packages that only benchmarks need: `bench/package.json`, outside the project's lock, installed when first used. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Installs the peers of `bench/package.json` unless they are there. To be called before one of them is imported. */
export function installPeers(): void {
  const directory = dirname(fileURLToPath(import.meta.url));
  const { dependencies } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8')) as { dependencies: object };
  if (Object.keys(dependencies).every((name) => existsSync(`${directory}/node_modules/${name}`))) return;
  console.log('Installing what only benchmarks need …');
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--workspaces=false'], {
    cwd: directory,
    stdio: 'inherit',
  });
}
