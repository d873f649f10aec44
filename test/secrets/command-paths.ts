/** Owns the ways on which secrets are written and read on the command line, for the search that looks for them afterwards. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand } from '../command-line.ts';
import type { HttpSubject } from './http-paths.ts';

/** Writes and reads on every way of the command. @param directory where it may put files. */
export async function throughCommands({ url, secret, open, places }: HttpSubject, directory: string): Promise<void> {
  const run = async (code: number, args: readonly string[], stdin?: string): Promise<void> => {
    const done = await runCommand(args, directory, { STRATA_URL: url, STRATA_ACTOR: 'ann', TZ: 'UTC' }, stdin);
    places.add('standard output', done.out, args.join(' '));
    places.add('standard error', done.errors, args.join(' '));
    expect([args, done.code, done.code === code ? '' : done.errors]).toEqual([args, code, '']);
  };
  const value = (): string => JSON.stringify({ a: secret.next(), [secret.name()]: secret.next() });
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(directory, name), text);
    return name;
  };
  const at = ['--org', 'cli'] as const;
  await run(0, ['set', 'tokens', '-', ...at, '-m', open.next()], value());
  const document = JSON.stringify({ tokens: { b: secret.next() }, plain: open.next() });
  const writes: readonly (readonly [number, readonly string[], string?])[] = [
    [0, ['set', 'secrets', `@${await file('secret.json', value())}`, ...at]],
    [0, ['set', 'passwords', '--file', await file('other.json', value()), ...at, '--json']],
    [0, ['set', 'tokens', '-', ...at, '--dry-run'], value()],
    [0, ['set', 'plain', JSON.stringify(open.next()), ...at]],
    [2, ['set', 'tokens', value(), ...at]],
    [2, ['set', 'tokens', '-', ...at], `{"a": ${secret.name()}}`],
    [2, ['set', 'tokens', '-', ...at], `{"a": "${secret.name()}`],
    [0, ['import', await file('import.json', document), '--org', 'imported']],
    [0, ['import', '-', '--format', 'json', '--org', 'imported', '--dry-run'], document],
    [0, ['schema', 'validate', 'phrase', '-', '--string'], secret.name()],
  ];
  const failing: readonly (readonly [readonly string[], string?])[] = [
    [['set', 'pins', '-', ...at], value()],
    [['set', 'db', '-', ...at], JSON.stringify({ host: 1, password: secret.next() })],
    [['set', 'tokens', '-', ...at, '--if-version', 'none'], value()],
    [['set', 'credentials', '-', ...at], value()],
    [['schema', 'validate', 'pins', '-'], value()],
    [['import', await file('broken.json', `{"tokens": {"a": "${secret.name()}"`), ...at]],
    [['show', open.name(), 'HEAD']],
  ];
  const codes = new Map<string, number>();
  await inPairs(writes, ([code, args, stdin]) => run(code, args, stdin));
  await inPairs(failing, async ([args, stdin]) => {
    const done = await runCommand(args, directory, { STRATA_URL: url, STRATA_ACTOR: 'ann', TZ: 'UTC' }, stdin);
    places.add('standard output', done.out, args.join(' '));
    places.add('standard error', done.errors, args.join(' '));
    codes.set(args.join(' '), done.code ?? -1);
  });
  expect([...codes].filter(([, code]) => code <= 0)).toEqual([]);
  const reads = [['get', 'tokens', ...at], ['all', ...at], ['log', 'tokens'], ['explain', 'tokens', ...at], ['export', ...at], ['pending'], ['audit', 'log']]; // prettier-ignore
  await inPairs(reads, (args) => run(0, args));
}

/** Two at a time: each is a process of its own. */
async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const next = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all([next(), next()]);
}
