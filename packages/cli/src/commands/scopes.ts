/** Owns `strata scopes`. */
import type { Place, RegisteredScope, StrataClient } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { scopeName, show, table } from '../output.ts';
import { parseScopeKind, parseScopeName } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';

/** Adds `strata scopes list`, `add`, `remove` and `chain`. */
export function addScopesCommand(program: Command): Command {
  const scopes = program.command('scopes').description('work on the scope tree: who inherits from whom');
  addScopesList(scopes);
  addScopesAdd(scopes);
  addScopesRemove(scopes);
  addScopesChain(scopes);
  return scopes;
}

function addScopesList(scopes: Command): void {
  addRemoteCommand(scopes, 'list', 'list the registered scopes', [
    'scopes list',
    'scopes list team',
    'scopes list --parent org:acme',
  ])
    .argument('[kind]', 'org, team or user: only those')
    .option('--parent <scope>', 'only those right below this one')
    .action(async (kind: string | undefined, flags: ConnectionFlags & { readonly parent?: string }) => {
      const filter = {
        scope: kind === undefined ? undefined : parseScopeKind(kind),
        parent: flags.parent === undefined ? undefined : parseScopeName(flags.parent),
      };
      show(flags, await listAll(openClient(flags), filter), showScopes);
    });
}

async function listAll(
  client: StrataClient,
  filter: Parameters<StrataClient['listScopes']>[0],
): Promise<readonly RegisteredScope[]> {
  const found: RegisteredScope[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await client.listScopes({ ...filter, cursor });
    found.push(...page.scopes);
    cursor = page.nextCursor;
  }
  return found;
}

interface AddFlags extends ConnectionFlags {
  readonly parent: readonly string[];
  readonly primary?: string;
  readonly name?: string;
}

function addScopesAdd(scopes: Command): void {
  addRemoteCommand(scopes, 'add', 'register a scope with its parents, or replace what is registered', [
    'scopes add org:acme --name "Acme Inc."',
    'scopes add team:north --parent org:acme',
    'scopes add user:ada --parent team:north --parent team:south --primary team:south',
  ])
    .argument('<scope>', 'org:<id>, team:<id> or user:<id>')
    .option('--parent <scope>', 'what it inherits from; a user may have several', collect, [])
    .option('--primary <scope>', 'which of the parents a user inherits from (default: the first)')
    .option('--name <name>', 'its name, for people')
    .action(async (text: string, flags: AddFlags) => {
      const parents = flags.parent.map(parseScopeName);
      const scope = await openClient(flags).registerScope(parseScopeName(text), {
        name: flags.name,
        parents: parents.length === 0 ? undefined : parents,
        primary: flags.primary === undefined ? undefined : parseScopeName(flags.primary),
      });
      show(flags, scope, (registered) => `${scopeName(registered)} inherits from ${parentsOf(registered)}`);
    });
}

function addScopesRemove(scopes: Command): void {
  addRemoteCommand(scopes, 'remove', 'remove a registered scope that has no values and no scopes below', [
    'scopes remove team:north',
  ])
    .argument('<scope>', 'org:<id>, team:<id> or user:<id>')
    .action(async (text: string, flags: ConnectionFlags) => {
      const scope = parseScopeName(text);
      await openClient(flags).removeScope(scope);
      show(flags, { ...scope, removed: true }, (removed) => `${scopeName(removed)} is removed`);
    });
}

interface ChainFlags extends ConnectionFlags {
  readonly org?: string;
  readonly team?: string;
}

function addScopesChain(scopes: Command): void {
  addRemoteCommand(scopes, 'chain', 'show what a scope inherits along', [
    'scopes chain user:ada',
    'scopes chain user:ada --team south',
  ])
    .argument('<scope>', 'global, org:<id>, team:<id> or user:<id>')
    .option('--org <id>', 'the org to inherit from, instead of the registered one')
    .option('--team <id>', 'the team to inherit from, instead of the registered one')
    .action(async (text: string, { org, team, ...flags }: ChainFlags) => {
      const scope = { ...parseScopeName(text), organizationId: org, teamId: team };
      const { chain } = await openClient(flags).getScopeChain(scope);
      show(flags, chain, (places: readonly Place[]) => places.map(scopeName).join(' > '));
    });
}

function collect(text: string, sofar: readonly string[]): readonly string[] {
  return [...sofar, text];
}

function parentsOf({ parents }: RegisteredScope): string {
  if (parents.length === 0) return 'global';
  return parents
    .map((parent) => (parents.length > 1 && parent.primary ? `${scopeName(parent)} (primary)` : scopeName(parent)))
    .join(', ');
}

function showScopes(scopes: readonly RegisteredScope[], colours: Colours): string {
  if (scopes.length === 0) return 'No scopes.';
  return table(
    colours,
    ['scope', 'name', 'inherits from'],
    scopes.map((scope) => [scopeName(scope), scope.name === null ? null : printable(scope.name), parentsOf(scope)]),
  );
}
