/** Owns `strata request`, `strata pending`, `strata approve` and `strata reject`. */
import type { ChangeRequest, StrataClient } from '@strata/client';
import { requestStatuses } from '@strata/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { usageError } from '../exit-codes.ts';
import { show } from '../output.ts';
import { nextStep, showRequest, showRequests } from '../request-view.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { parseMoment } from '../time-input.ts';
import { addValueOptions, readValueOf, type ValueFlags } from '../value-input.ts';

type ListFlags = ConnectionFlags & {
  readonly status?: ChangeRequest['status'];
  readonly key?: string;
  readonly by?: string;
  readonly limit: number;
  readonly before?: string;
};
type MessageFlags = ConnectionFlags & { readonly message?: string };
type ProposalFlags = MessageFlags & ScopeFlags & ValueFlags & { readonly delete?: boolean; readonly applyAt?: string };

/** Adds `strata request` with its subcommands. */
export function addRequestCommand(program: Command): void {
  const request = program.command('request').description('ask for a change, and handle what was asked for');
  addProposal(request);
  addShow(request);
  addList(request);
  addEdit(request);
  addWithdraw(request);
  addSchedule(request);
  addComment(request);
}

function addProposal(request: Command): void {
  const command = addRemoteCommand(request, 'new', 'ask for a change that others approve', [
    `request new approval_thresholds '{"maintenanceApproval": 600}' -m "Prices went up"`,
    'request new branding --delete --org acme -m "Back to ours"',
    `request new pm_intervals '{"lightDuty": 6000}' -m "From next week on" --apply-at 7d`,
  ])
    .argument('<key>', 'the key')
    .argument('[value]', 'JSON, @<file>, or - for standard input')
    .requiredOption('-m, --message <justification>', 'why: what approvers decide by')
    .option('--delete', 'ask for the removal of the layer')
    .option('--apply-at <time>', 'apply it then, once it has its approvals: ISO 8601, or 30m, 2h, 7d from now');
  addScope(addValueOptions(command), 'global').action(propose);
}

async function propose(key: string, argument: string | undefined, flags: ProposalFlags): Promise<void> {
  const client = openClient(flags);
  const what = await proposed(client, () => key, argument, flags);
  if (what === undefined) throw usageError('Give the value to ask for, or --delete.');
  const made = await client.requestChange({
    key,
    ...scopeOrGlobal(flags),
    ...what,
    justification: flags.message ?? '',
    ...(flags.applyAt === undefined ? {} : { applyAt: parseMoment(flags.applyAt, '--apply-at', 'ahead', new Date()) }),
  });
  show(flags, made, showRequest);
}

async function proposed(
  client: StrataClient,
  keyOf: () => string | Promise<string>,
  argument: string | undefined,
  flags: ProposalFlags,
): Promise<object | undefined> {
  const { delete: isRemoval, string, number, bool } = flags as ProposalFlags & Readonly<Record<string, unknown>>;
  if (isRemoval === true) return { delete: true };
  if ([argument, string, number, bool].every((one) => one === undefined)) return undefined;
  return { proposedValue: await readValueOf(client, await keyOf(), argument, flags) };
}

function addShow(request: Command): void {
  addRemoteCommand(request, 'show', 'show a change request whole', ['request show req-abcdefghijkl'])
    .argument('<id>', 'the request')
    .action(async (id: string, flags: ConnectionFlags) => {
      show(flags, await openClient(flags).getChangeRequest(id), showRequest);
    });
}

function addList(request: Command): void {
  addRemoteCommand(request, 'list', 'list change requests in whichever state, newest first', [
    'request list',
    'request list --status applied --key approval_thresholds',
  ])
    .addOption(new Option('--status <status>', 'only those in this state').choices(requestStatuses))
    .option('--key <key>', 'only those of this key')
    .option('--by <author>', 'only those of this author')
    .option('-n, --limit <count>', 'at most so many: 1 to 1000', parseCount, 20)
    .option('--before <id>', 'the page after this request')
    .action(async (flags: ListFlags) => {
      const { status, key, by, limit, before } = flags;
      const filter = { status, key, requestedBy: by, limit, before };
      const { requests } = await openClient(flags).listChangeRequests(filter);
      show(flags, requests, (list, colours) => showRequests(list, colours, 'No change requests.'));
    });
}

function addEdit(request: Command): void {
  const command = addRemoteCommand(request, 'edit', 'propose a change request anew, as it is or with another value', [
    'request edit req-abcdefghijkl',
    `request edit req-abcdefghijkl '{"maintenanceApproval": 550}' -m "A bit less"`,
  ])
    .argument('<id>', 'the request')
    .argument('[value]', 'JSON, @<file>, or - for standard input; without it the value stays')
    .option('-m, --message <justification>', 'why; without it the justification stays');
  addValueOptions(command).action(async (id: string, argument: string | undefined, flags: ProposalFlags) => {
    const client = openClient(flags);
    const keyOf = async (): Promise<string> => (await client.getChangeRequest(id)).key;
    const edit = {
      ...(await proposed(client, keyOf, argument, flags)),
      ...(flags.message === undefined ? {} : { justification: flags.message }),
    };
    show(flags, await client.editChange(id, edit), showRequest);
  });
}

function addWithdraw(request: Command): void {
  addRemoteCommand(request, 'withdraw', 'take your own change request back', ['request withdraw req-abcdefghijkl'])
    .argument('<id>', 'the request')
    .option('-m, --message <reason>', 'why')
    .action(async (id: string, flags: MessageFlags) => {
      show(flags, await openClient(flags).withdrawChange(id, flags.message), showRequest);
    });
}

function addSchedule(request: Command): void {
  addRemoteCommand(request, 'schedule', 'set when a change request is applied', [
    'request schedule req-abcdefghijkl 2h',
    'request schedule req-abcdefghijkl now',
  ])
    .argument('<id>', 'the request')
    .argument('<time>', 'ISO 8601, or 30m, 2h, 7d from now; now: as soon as it has its approvals')
    .action(async (id: string, time: string, flags: ConnectionFlags) => {
      const at = time === 'now' ? null : parseMoment(time, 'the time', 'ahead', new Date());
      show(flags, await openClient(flags).scheduleChange(id, at), showRequest);
    });
}

function addComment(request: Command): void {
  addRemoteCommand(request, 'comment', 'say something about a change request', [
    'request comment req-abcdefghijkl "Why so much?"',
  ])
    .argument('<id>', 'the request')
    .argument('<comment>', 'what to say')
    .action(async (id: string, comment: string, flags: ConnectionFlags) => {
      show(flags, await openClient(flags).commentOnChange(id, comment), showRequest);
    });
}

/** Adds `strata pending`: what waits for approvals. */
export function addPendingCommand(program: Command): void {
  addRemoteCommand(program, 'pending', 'list the changes that wait for approvals', [
    'pending',
    'pending --approver bob',
  ])
    .option('--approver <id>', 'only those that this person can still approve')
    .action(async (flags: ConnectionFlags & { approver?: string }) => {
      const { requests } = await openClient(flags).getPendingChanges(flags.approver);
      show(flags, requests, (list, colours) => showRequests(list, colours, 'Nothing waits for approvals.'));
    });
}

/** Adds `strata approve <id>`: agrees to a change. */
export function addApproveCommand(program: Command): void {
  addRemoteCommand(program, 'approve', 'agree to a change that waits for approvals; the last one applies it', [
    'approve req-abcdefghijkl',
    'approve req-abcdefghijkl -m "As discussed" --edition 2',
  ])
    .argument('<id>', 'the request')
    .option('-m, --message <comment>', 'a comment')
    .option('--edition <number>', 'the edition that you looked at, where the request was edited', parseEdition)
    .action(async (id: string, flags: MessageFlags & { edition?: number }) => {
      const { edition, message } = flags;
      show(flags, await openClient(flags).approveChange(id, message, { edition }), decided('Approved'));
    });
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number above 0.');
}

function parseEdition(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give the number of an edition, as strata request show tells it.');
}

/** Adds `strata reject <id>`: closes a request for good. */
export function addRejectCommand(program: Command): void {
  addRemoteCommand(program, 'reject', 'reject a change that waits for approvals', [
    'reject req-abcdefghijkl -m "Not this quarter"',
  ])
    .argument('<id>', 'the request')
    .requiredOption('-m, --message <reason>', 'why')
    .action(async (id: string, flags: MessageFlags) => {
      show(flags, await openClient(flags).rejectChange(id, flags.message ?? ''), decided('Rejected'));
    });
}

function decided(word: string): (request: ChangeRequest) => string {
  return (request) => {
    const { id, approvals, minimumApprovals, status } = request;
    const count = status === 'rejected' ? '' : ` (${String(approvals.length)} of ${String(minimumApprovals)})`;
    const next = nextStep(request);
    return `${word} ${id}${count}.${next === undefined ? '' : ` ${next}`}`;
  };
}
