/** Owns `strata policy`: which changes need approvals. */
import type { PolicyRecord } from '@strata/client';
import { impactLevels, scopes, type ConfigScope, type ImpactLevel } from '@strata/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';

type PolicyFlags = ConnectionFlags & {
  readonly keys: readonly string[];
  readonly approvals: number;
  readonly scopes?: readonly ConfigScope[];
  readonly levels?: readonly ImpactLevel[];
  readonly roles?: readonly string[];
  readonly users?: readonly string[];
  readonly firstValues?: 'exempt' | 'approve';
  readonly expires?: number;
  readonly message?: string;
};

/** Adds `strata policy` with its subcommands. */
export function addPolicyCommand(program: Command): void {
  const policy = program.command('policy').description('say which changes need approvals, and whose');
  addRemoteCommand(policy, 'list', 'list the policies in force', ['policy list']).action(
    async (flags: ConnectionFlags) => {
      show(flags, (await openClient(flags).listPolicies()).policies, showPolicies);
    },
  );
  addSet(policy);
  addRemoteCommand(policy, 'remove', 'take a policy away', ['policy remove money -m "No longer needed"'])
    .argument('<name>', 'the policy')
    .option('-m, --message <comment>', 'why')
    .action(async (name: string, flags: ConnectionFlags & { message?: string }) => {
      await openClient(flags).removePolicy(name, flags.message);
      show(flags, { name, removed: true }, () => `The policy ${printable(name)} is removed.`);
    });
}

function addSet(policy: Command): void {
  addRemoteCommand(policy, 'set', 'set a policy, in the place of the one of its name', [
    'policy set default --keys "*" --levels critical --approvals 1 -m "Two people are few"',
    'policy set money --keys approval_thresholds --approvals 2 --roles treasurer',
  ])
    .argument('<name>', 'the policy; default replaces the built-in one')
    .requiredOption('--keys <keys...>', 'the keys that it is about, or globs of them')
    .addOption(
      new Option('--approvals <number>', 'how many people other than the author have to agree')
        .argParser(parseNumber)
        .makeOptionMandatory(),
    )
    .addOption(new Option('--scopes <scopes...>', 'the scopes that it is about (default: all)').choices(scopes))
    .addOption(
      new Option('--levels <levels...>', 'the impact levels that it is about (default: all)').choices(impactLevels),
    )
    .option('--roles <roles...>', 'whose approvals count, by role')
    .option('--users <users...>', 'whose approvals count, by name')
    .addOption(
      new Option('--first-values <rule>', 'whether first values need approvals too').choices(['exempt', 'approve']),
    )
    .addOption(
      new Option('--expires <seconds>', 'how long a request waits (default: seven days)').argParser(parseNumber),
    )
    .option('-m, --message <comment>', 'why')
    .action(async (name: string, flags: PolicyFlags) => {
      const { roles, users, firstValues, expires } = flags;
      const approvers = { ...(roles === undefined ? {} : { roles }), ...(users === undefined ? {} : { users }) };
      const stored = await openClient(flags).setPolicy(
        {
          name,
          keys: flags.keys,
          minimumApprovals: flags.approvals,
          ...(flags.scopes === undefined ? {} : { scopes: flags.scopes }),
          ...(flags.levels === undefined ? {} : { levels: flags.levels }),
          ...(Object.keys(approvers).length === 0 ? {} : { approvers }),
          ...(firstValues === undefined ? {} : { firstValues }),
          ...(expires === undefined ? {} : { expiresIn: expires }),
        },
        flags.message,
      );
      show(
        flags,
        stored,
        (record) => `The policy ${printable(record.name)} holds from revision ${String(record.revision)} on.`,
      );
    });
}

function parseNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

function showPolicies(policies: readonly PolicyRecord[], colours: Colours): string {
  const all = (list: readonly string[] | undefined): string => (list === undefined ? 'all' : printable(list.join(' ')));
  return table(
    colours,
    ['policy', 'keys', 'scopes', 'impact', 'approvals', 'approvers', 'set by'],
    policies.map((policy) => [
      printable(policy.name),
      all(policy.keys),
      all(policy.scopes),
      all(policy.levels),
      String(policy.minimumApprovals),
      policy.approvers === undefined
        ? 'anyone else'
        : printable(
            [...(policy.approvers.roles ?? []).map((role) => `role ${role}`), ...(policy.approvers.users ?? [])].join(
              ', ',
            ),
          ),
      policy.setBy === undefined ? 'built in' : printable(policy.setBy),
    ]),
  );
}
