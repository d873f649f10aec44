/** Owns `strata define`. */
import type { KeyDefinitionRecord } from '@strata/client';
import { impactLevels, type ImpactLevel, type KeyDefinitionInput } from '@strata/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { localTime, show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';

type DefineFlags = ConnectionFlags & {
  readonly owner?: string;
  readonly services?: readonly string[];
  readonly impact?: ImpactLevel;
  readonly restart?: boolean;
  readonly downtime?: number;
  readonly clear?: readonly (keyof KeyDefinitionInput)[];
  readonly message?: string;
};

const parts = ['owner', 'services', 'baseImpact', 'restartNeeded', 'downtimeSeconds'] as const;

/** Adds `strata define [key]`: says whose a key is, what uses it and what a change of it weighs; without options it lists what is said. */
export function addDefineCommand(program: Command): void {
  addRemoteCommand(program, 'define', 'say whose a key is, what uses it and what a change of it weighs, or list that', [
    'define pm_intervals --owner fleet --services fleet-api planner --restart --downtime 30',
    'define pm_intervals --clear owner -m "Nobody’s any more"',
    'define',
  ])
    .argument('[key]', 'the key; without one, all keys are listed')
    .option('--owner <name>', 'who answers for it')
    .option('--services <names...>', 'the services that use it')
    .addOption(new Option('--impact <level>', 'the impact of its changes, at most').choices(impactLevels))
    .option('--restart', 'its services take a change only when they start again')
    .option('--no-restart', 'they take it while they run')
    .addOption(new Option('--downtime <seconds>', 'for how long each of them is away then').argParser(parseSeconds))
    .addOption(new Option('--clear <parts...>', 'take these parts away').choices(parts))
    .option('-m, --message <comment>', 'why')
    .action(define);
}

async function define(key: string | undefined, flags: DefineFlags): Promise<void> {
  const client = openClient(flags);
  const { owner, services, impact, restart, downtime, clear = [] } = flags;
  const said: KeyDefinitionInput = {
    ...(owner === undefined ? {} : { owner }),
    ...(services === undefined ? {} : { services }),
    ...(impact === undefined ? {} : { baseImpact: impact }),
    ...(restart === undefined ? {} : { restartNeeded: restart }),
    ...(downtime === undefined ? {} : { downtimeSeconds: downtime }),
    ...Object.fromEntries(clear.map((part) => [part, null])),
  };
  if (key !== undefined && Object.keys(said).length > 0) {
    show(flags, await client.defineKey(key, said, flags.message), (record, colours) =>
      showDefinitions([record], colours),
    );
    return;
  }
  show(flags, (await client.listKeyDefinitions({ key })).definitions, showDefinitions);
}

function parseSeconds(text: string): number {
  if (/^[0-9]{1,5}(\.[0-9]+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a number of seconds.');
}

function showDefinitions(records: readonly KeyDefinitionRecord[], colours: Colours): string {
  if (records.length === 0) return 'Nothing is said.';
  return table(
    colours,
    ['key', 'owner', 'services', 'impact', 'restart', 'said by', 'time'],
    records.map((record) => [
      record.key,
      record.owner === undefined ? null : printable(record.owner),
      record.services === undefined ? null : printable(record.services.join(' ')),
      record.baseImpact ?? null,
      restartOf(record),
      printable(record.definedBy),
      localTime(record.definedAt),
    ]),
  );
}

function restartOf({ restartNeeded, downtimeSeconds }: KeyDefinitionRecord): string | null {
  if (restartNeeded !== true) return restartNeeded === undefined ? null : 'no';
  return downtimeSeconds === undefined ? 'yes' : `${String(downtimeSeconds)} s`;
}
