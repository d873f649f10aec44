/** Owns `strata role`: what roles permit, and who has them. */
import type { RoleBindingRecord, RoleRecord } from '@strata/client';
import { permissions, type Permission } from '@strata/core';
import { type Command, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { usageError } from '../exit-codes.ts';
import { scopeName, show, table } from '../output.ts';
import { addScope, namedScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';

type BindFlags = ConnectionFlags &
  ScopeFlags & {
    readonly to?: string;
    readonly toGroup?: string;
    readonly keys?: string;
    readonly deny?: boolean;
    readonly message?: string;
  };

/** Adds `strata role` with its subcommands. */
export function addRoleCommand(program: Command): void {
  const role = program.command('role').description('say what roles permit, and who has them');
  addRemoteCommand(role, 'list', 'list the roles', ['role list']).action(async (flags: ConnectionFlags) => {
    show(flags, (await openClient(flags).listRoles()).roles, showRoles);
  });
  addRemoteCommand(role, 'set', 'set what a role permits', ['role set treasurer --permissions read propose approve'])
    .argument('<name>', 'the role')
    .addOption(
      new Option('--permissions <permissions...>', 'what it permits').choices(permissions).makeOptionMandatory(),
    )
    .option('-m, --message <comment>', 'why')
    .action(async (name: string, flags: ConnectionFlags & { permissions: readonly Permission[]; message?: string }) => {
      const stored = await openClient(flags).setRole({ name, permissions: flags.permissions }, flags.message);
      show(flags, stored, (record) => `The role ${printable(record.name)} permits ${record.permissions.join(', ')}.`);
    });
  addRemoteCommand(role, 'remove', 'take a role away that nobody has', ['role remove treasurer'])
    .argument('<name>', 'the role')
    .option('-m, --message <comment>', 'why')
    .action(async (name: string, flags: ConnectionFlags & { message?: string }) => {
      await openClient(flags).removeRole(name, flags.message);
      show(flags, { name, removed: true }, () => `The role ${printable(name)} is removed.`);
    });
  addBind(role);
  addBindings(role);
}

function addBind(role: Command): void {
  const command = addRemoteCommand(role, 'bind', 'give a role to somebody, at a scope and all below it', [
    'role bind admin --to ann',
    'role bind editor --to bob --org acme --keys "pm_*"',
    'role bind editor --to-group contractors --org acme --deny',
  ])
    .argument('<role>', 'the role')
    .option('--to <user>', 'to this user')
    .option('--to-group <group>', 'to all of whom the application says that they have this role')
    .option('--keys <glob>', 'only for these keys')
    .option('--deny', 'take what the role permits away instead')
    .option('-m, --message <comment>', 'why');
  addScope(command, 'global').action(async (name: string, flags: BindFlags) => {
    const { keys, deny } = flags;
    const subject = subjectIn(flags);
    if (subject === undefined) throw usageError('Say who: --to <user>, or --to-group <group>.');
    const binding = {
      ...scopeOrGlobal(flags),
      subject,
      role: name,
      keys,
      effect: deny === true ? 'deny' : 'allow',
    } as const;
    show(flags, await openClient(flags).bindRole(binding, flags.message), showBinding);
  });
  addRemoteCommand(role, 'unbind', 'take a role from somebody again', ['role unbind 0b6f…'])
    .argument('<id>', 'the binding, as strata role bindings tells it')
    .option('-m, --message <comment>', 'why')
    .action(async (id: string, flags: ConnectionFlags & { message?: string }) => {
      await openClient(flags).unbindRole(id, flags.message);
      show(flags, { id, unbound: true }, () => `The binding ${printable(id)} is gone.`);
    });
}

function subjectIn({ to, toGroup }: BindFlags): { readonly user: string } | { readonly group: string } | undefined {
  if (to !== undefined && toGroup !== undefined) throw usageError('Give --to or --to-group, not both.');
  if (to !== undefined) return { user: to };
  return toGroup === undefined ? undefined : { group: toGroup };
}

function addBindings(role: Command): void {
  const command = addRemoteCommand(role, 'bindings', 'list who has which role, as far as you may see it', [
    'role bindings --org acme',
    'role bindings --to ann',
  ])
    .option('--to <user>', 'only those of this user')
    .option('--to-group <group>', 'only those of this group')
    .option('--role <role>', 'only those of this role');
  addScope(command, 'all scopes').action(async (flags: BindFlags & { readonly role?: string }) => {
    const subject = subjectIn(flags);
    const { bindings } = await openClient(flags).listRoleBindings({
      scope: namedScope(flags),
      role: flags.role,
      subject,
    });
    show(flags, bindings, showBindings);
  });
}

const subjectOf = ({ subject }: RoleBindingRecord): string =>
  printable(subject.group === undefined ? (subject.user ?? '') : `group ${subject.group}`);

function showBinding(binding: RoleBindingRecord): string {
  const verb = binding.effect === 'deny' ? 'is denied' : 'has';
  const keys = binding.keys === '*' ? '' : ` for ${printable(binding.keys)}`;
  return `${subjectOf(binding)} ${verb} the role ${printable(binding.role)} at ${scopeName(binding)}${keys} (binding ${binding.id}).`;
}

function showRoles(roles: readonly RoleRecord[], colours: Colours): string {
  return table(
    colours,
    ['role', 'permits', 'set by'],
    roles.map((role) => [
      printable(role.name),
      role.permissions.join(' '),
      role.setBy === undefined ? 'built in' : printable(role.setBy),
    ]),
  );
}

function showBindings(bindings: readonly RoleBindingRecord[], colours: Colours): string {
  if (bindings.length === 0)
    return 'No role bindings that you may see. While nobody has any, everybody may do everything.';
  return table(
    colours,
    ['binding', 'who', 'role', 'scope', 'keys', 'effect', 'set by'],
    bindings.map((binding) => [
      binding.id,
      subjectOf(binding),
      printable(binding.role),
      scopeName(binding),
      printable(binding.keys),
      binding.effect,
      printable(binding.boundBy),
    ]),
  );
}
