/** Owns how a command is told a scope: `--org acme` where it is a circumstance, `org:acme` where it is what the command works on. */
import { scopes, type ConfigScope, type ScopeContext, type ScopeInput } from '@strata/core';
import type { Command } from 'commander';
import { usageError } from './exit-codes.ts';

/** What the scope options leave. */
export interface ScopeFlags {
  readonly global?: boolean;
  readonly org?: string;
  readonly team?: string;
  readonly user?: string;
}

/** Adds the options that name one scope. */
export function addScope(command: Command, without: string): Command {
  return command
    .option('--global', without === 'global' ? 'the global scope (default)' : `the global scope (default: ${without})`)
    .option('--org <id>', 'the scope of an org')
    .option('--team <id>', 'the scope of a team')
    .option('--user <id>', 'the scope of a user');
}

/** Adds the options that name a scope to read at, with the parents to inherit from. */
export function addReadScope(command: Command, without = 'global'): Command {
  return command
    .option(
      '--global',
      without === 'global' ? 'read at the global scope (default)' : `read at the global scope (${without})`,
    )
    .option('--org <id>', 'read at an org; with --team or --user: the org to inherit from')
    .option('--team <id>', 'read at a team; with --user: the team to inherit from')
    .option('--user <id>', 'read at a user');
}

/** The one scope that is named; `undefined` where none is. @throws CommandError for more than one. */
export function namedScope(flags: ScopeFlags): ScopeInput | undefined {
  const named = givenScopes(flags);
  if (named.length > 1) {
    throw usageError(
      `Only one of --global, --org, --team and --user names the scope here; ${String(named.length)} are given.`,
    );
  }
  return named[0];
}

/** The one scope that is named, else global. */
export function scopeOrGlobal(flags: ScopeFlags): ScopeInput {
  return namedScope(flags) ?? { scope: 'global' };
}

/** The scope to read at: the narrowest one named, inheriting from the others that are named. @throws CommandError beside `--global`. */
export function readScope(flags: ScopeFlags): ScopeContext {
  const named = givenScopes(flags);
  const narrowest = named.at(-1) ?? { scope: 'global' };
  if (flags.global === true && named.length > 1) throw usageError('--global excludes --org, --team and --user.');
  return {
    ...narrowest,
    ...(narrowest.scope !== 'org' && flags.org !== undefined ? { organizationId: flags.org } : {}),
    ...(narrowest.scope === 'user' && flags.team !== undefined ? { teamId: flags.team } : {}),
  };
}

/** From the widest to the narrowest. */
function givenScopes({ global, org, team, user }: ScopeFlags): ScopeInput[] {
  const named: ScopeInput[] = global === true ? [{ scope: 'global' }] : [];
  const ids = [
    ['org', org],
    ['team', team],
    ['user', user],
  ] as const;
  for (const [scope, scopeId] of ids) {
    if (scopeId === '') throw usageError(`--${scope} needs an id.`);
    if (scopeId !== undefined) named.push({ scope, scopeId });
  }
  return named;
}

/** Reads `global`, `org:acme`, `team:north` or `user:ada`; an id may hold colons itself. @throws CommandError. */
export function parseScopeName(text: string): ScopeInput {
  const colon = text.indexOf(':');
  const scope = parseScopeKind(colon === -1 ? text : text.slice(0, colon), text);
  if (scope === 'global' && colon === -1) return { scope };
  if (scope === 'global' || colon === -1 || colon === text.length - 1) {
    throw usageError(`${JSON.stringify(text)} is no scope. Write global, org:<id>, team:<id> or user:<id>.`);
  }
  return { scope, scopeId: text.slice(colon + 1) };
}

/** Reads the name of a kind of scope. @throws CommandError. */
export function parseScopeKind(text: string, whole: string = text): ConfigScope {
  const scope = scopes.find((known) => known === text);
  if (scope !== undefined) return scope;
  throw usageError(`${JSON.stringify(whole)} is no scope: it starts with none of ${scopes.join(', ')}.`);
}
