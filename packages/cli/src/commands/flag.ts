/** Owns `strata flag`: feature flags, their changes, and what they serve for a context. */
import {
  isClientError,
  type DryRun,
  type FlagChangeOptions,
  type StrataClient,
  type VersionRecord,
} from '@strata/client';
import { entryKey, type JsonObject } from '@strata/core';
import { type Command, Argument, InvalidArgumentError, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { CommandError, exitCodes, usageError } from '../exit-codes.ts';
import { addContextOptions, readContext, readDefault, type ContextFlags } from '../flag-context.ts';
import { evaluationTable, flagTable, showEvaluation, showFlag, showFlagExplanation } from '../flag-view.ts';
import { scopeName, show } from '../output.ts';
import { addReadScope, addScope, readScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { addValueOptions, readObject, type ValueFlags } from '../value-input.ts';
import { addWriteOptions, readConditions, tellDryRun, tellWritten, type WriteFlags } from '../write-options.ts';
import { addFlagStale } from './flag-stale.ts';

/** Adds `strata flag` with its subcommands. */
export function addFlagCommand(program: Command): void {
  const flag = program.command('flag').description('feature flags: who has which, and why');
  addList(flag);
  addShow(flag);
  addCreate(flag);
  addToggle(flag);
  addRollout(flag);
  addEval(flag);
  addExplain(flag);
  addArchive(flag);
  addFlagStale(flag);
}

type ListFlags = ConnectionFlags &
  ScopeFlags & {
    readonly enabled?: boolean;
    readonly disabled?: boolean;
    readonly archived?: boolean;
    readonly all?: boolean;
    readonly name?: string;
    readonly tag?: string;
    readonly owner?: string;
  };

function addList(parent: Command): void {
  const command = addRemoteCommand(parent, 'list', 'list flags', ['flag list', 'flag list --org acme --enabled'])
    .addOption(new Option('--enabled', 'only those that are on').conflicts('disabled'))
    .option('--disabled', 'only those that are off')
    .addOption(new Option('--archived', 'archived flags instead of the others').conflicts('all'))
    .option('--all', 'archived flags too')
    .option('--name <glob>', 'only those with such a name')
    .option('--tag <tag>', 'only those with this tag')
    .option('--owner <owner>', 'only those of this owner');
  addReadScope(command).action(async (flags: ListFlags) => {
    const { enabled, disabled, archived, all, name, tag, owner } = flags;
    const list = await openClient(flags).listFlags({
      scope: readScope(flags),
      enabled: enabled ?? (disabled === true ? false : undefined),
      archived: all === true ? 'all' : archived,
      name,
      tag,
      owner,
    });
    show(flags, list.flags, flagTable);
  });
}

function addShow(parent: Command): void {
  const command = addRemoteCommand(parent, 'show', 'show a flag', ['flag show new-menu --org acme']).argument(
    '<name>',
    'the flag',
  );
  addReadScope(command).action(async (name: string, flags: ConnectionFlags & ScopeFlags) => {
    show(flags, await openClient(flags).getFlag(name, readScope(flags)), showFlag);
  });
}

type ChangeFlags = ConnectionFlags & ScopeFlags & WriteFlags;

/** Carries out a change, or tells what it would do. */
async function change(
  name: string,
  flags: ChangeFlags,
  write: (client: StrataClient, options: FlagChangeOptions) => Promise<VersionRecord>,
  attempt: (client: StrataClient, options: FlagChangeOptions) => Promise<DryRun>,
): Promise<void> {
  const client = openClient(flags);
  const scope = scopeOrGlobal(flags);
  const conditions = await readConditions(client, entryKey('feature_flags', name), scope, flags);
  const { message, force, breakGlass } = flags;
  const options = { ...conditions, scope, comment: message, force, breakGlass };
  if (flags.dryRun === true) tellDryRun(flags, await attempt(client, options));
  else tellWritten(flags, await write(client, options));
}

type CreateFlags = ChangeFlags &
  ValueFlags & { readonly on?: boolean; readonly rollout?: number; readonly description?: string };

function addCreate(parent: Command): void {
  const command = addRemoteCommand(parent, 'create', 'create a flag, or override one at a scope', [
    'flag create new-menu --on --rollout 10 -m "For a few"',
    'flag create beta \'{"enabled": true, "conditions": [{"attribute": "role", "operator": "equals", "value": "tester"}]}\'',
    'flag create new-menu --on --org acme',
  ])
    .argument('<name>', 'the flag')
    .argument('[definition]', 'the flag as JSON, or @<file>')
    .option('--on', 'it is on; without, a new flag is off')
    .addOption(
      new Option('--rollout <percentage>', 'the percentage of users that it is on for').argParser(parsePercentage),
    )
    .option('--description <text>', 'what it is for');
  addWriteOptions(addScope(addValueOptions(command), 'global')).action(
    async (name: string, definition: string | undefined, flags: CreateFlags) => {
      if (flags.ifVersion !== undefined) throw usageError('A new flag has no version yet: leave out --if-version.');
      const flag = await readFlag(name, definition, flags);
      try {
        await change(
          name,
          flags,
          (client, options) => client.createFlag(flag, options),
          (client, options) => client.tryCreateFlag(flag, options),
        );
      } catch (error) {
        if (!isClientError(error) || error.code !== 'conflict') throw error;
        throw new CommandError(
          exitCodes.conflict,
          `There is a flag ${name} at ${scopeName(scopeOrGlobal(flags))} already, or there was one, and names are not used twice. See: strata flag list --all`,
        );
      }
    },
  );
}

async function readFlag(name: string, definition: string | undefined, flags: CreateFlags): Promise<JsonObject> {
  const isGiven = definition !== undefined || flags.file !== undefined;
  const given = isGiven ? await readObject(definition, flags) : {};
  const isOverride = flags.org !== undefined || flags.team !== undefined || flags.user !== undefined;
  return {
    ...(isOverride || given['enabled'] !== undefined ? {} : { enabled: false }),
    ...given,
    name,
    ...(flags.on === true ? { enabled: true } : {}),
    ...(flags.rollout === undefined ? {} : { rolloutPercentage: flags.rollout }),
    ...(flags.description === undefined ? {} : { description: flags.description }),
  };
}

function addToggle(parent: Command): void {
  const command = addRemoteCommand(parent, 'toggle', 'switch a flag on or off for everybody', [
    'flag toggle new-menu off -m "It is slow"',
    'flag toggle new-menu --org acme',
  ])
    .argument('<name>', 'the flag')
    .addArgument(new Argument('[state]', 'on or off (default: what it is not now)').choices(['on', 'off']));
  addWriteOptions(addScope(command, 'global')).action(
    async (name: string, state: 'on' | 'off' | undefined, flags: ChangeFlags) => {
      const enabled = state === undefined ? undefined : state === 'on';
      await change(
        name,
        flags,
        (client, options) => client.toggleFlag(name, enabled, options),
        (client, options) => client.tryToggleFlag(name, enabled, options),
      );
    },
  );
}

function addRollout(parent: Command): void {
  const command = addRemoteCommand(parent, 'rollout', 'set for which percentage of users a flag is on', [
    'flag rollout new-menu 25 -m "No complaints so far"',
    'flag rollout new-menu 0.5 --org acme',
  ])
    .argument('<name>', 'the flag')
    .argument('<percentage>', '0 to 100, in steps of 0.001', parsePercentage);
  addWriteOptions(addScope(command, 'global')).action(async (name: string, percentage: number, flags: ChangeFlags) => {
    await change(
      name,
      flags,
      (client, options) => client.setFlagRollout(name, percentage, options),
      (client, options) => client.trySetFlagRollout(name, percentage, options),
    );
  });
}

function addArchive(parent: Command): void {
  const command = addRemoteCommand(parent, 'archive', 'end a flag for good; its name is not used again', [
    'flag archive new-menu -m "Everybody has it"',
  ]).argument('<name>', 'the flag');
  addWriteOptions(addScope(command, 'global')).action(async (name: string, flags: ChangeFlags) => {
    await change(
      name,
      flags,
      (client, options) => client.archiveFlag(name, options),
      (client, options) => client.tryArchiveFlag(name, options),
    );
  });
}

type EvalFlags = ConnectionFlags & ContextFlags;

function addEval(parent: Command): void {
  const command = addRemoteCommand(parent, 'eval', 'show what a flag serves for somebody; without a name, all flags', [
    'flag eval new-menu --user ada --org acme',
    'flag eval --user ada --attribute role=tester',
  ])
    .argument('[name]', 'the flag')
    .option('--default <value>', 'the value of a flag that there is not, as JSON');
  addContextOptions(command).action(async (name: string | undefined, flags: EvalFlags) => {
    const client = openClient(flags);
    const context = await readContext(flags);
    if (name === undefined) {
      const { flags: all } = await client.evaluateAll(context);
      show(flags, all, (evaluations, colours) => evaluationTable(Object.values(evaluations), colours));
      return;
    }
    show(flags, await client.evaluateFlag(name, context, { default: await readDefault(flags) }), showEvaluation);
  });
}

function addExplain(parent: Command): void {
  const command = addRemoteCommand(parent, 'explain', 'show why a flag serves somebody what it does', [
    'flag explain new-menu --user ada --org acme --attribute role=tester',
  ]).argument('<name>', 'the flag');
  addContextOptions(command).action(async (name: string, flags: EvalFlags) => {
    show(flags, await openClient(flags).explainFlag(name, await readContext(flags)), showFlagExplanation);
  });
}

function parsePercentage(text: string): number {
  if (/^[0-9]{1,3}(\.[0-9]{1,3})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a percentage: 0 to 100, in steps of 0.001.');
}
