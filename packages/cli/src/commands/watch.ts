/** Owns `strata watch`. */
import process from 'node:process';
import type { WatchEvent, WatchState } from '@strata/client';
import { type Command, InvalidArgumentError } from 'commander';
import { showEvent } from '../change-feed.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { messageOf } from '../message.ts';
import { print } from '../output.ts';
import { addReadScope, readScope, type ScopeFlags } from '../scope-options.ts';
import { terminalColours } from '../terminal.ts';

interface WatchFlags extends ConnectionFlags, ScopeFlags {
  readonly flag?: readonly string[];
  readonly from?: string;
  readonly limit?: number;
}

/** Adds `strata watch [keys…]`: prints each change as it happens, until SIGINT or SIGTERM. */
export function addWatchCommand(program: Command): void {
  const command = addRemoteCommand(program, 'watch', 'print each change as it happens, until Ctrl-C', [
    'watch                                (every change, at all scopes)',
    "watch branding 'pm_*'",
    'watch --flag new_menu',
    'watch branding --team north          (what changes for that team, wherever it is changed)',
    'watch --from 120 --json              (all since revision 120, one JSON object a line)',
    'watch maintenance --limit 1          (waits for the next change)',
  ])
    .argument('[keys...]', 'names, or globs such as pm_*; all where none is given')
    .option('--flag <name>', 'a flag, by name or glob; may be given several times', collect)
    .option('--from <place>', 'what came after this revision, or after the event of this cursor, first')
    .option('-n, --limit <count>', 'end after so many commits', parseCount);
  addReadScope(command, 'without a scope: layers at all scopes').action(watchChanges);
}

async function watchChanges(keys: readonly string[], flags: WatchFlags): Promise<void> {
  const { from: fromRevision, flag } = flags;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const isScoped = flags.global === true || [flags.org, flags.team, flags.user].some((id) => id !== undefined);
  const connection = new ConnectionNotes();
  try {
    const events = openClient(flags).events({
      ...(keys.length === 0 ? {} : { keys }),
      ...(flag === undefined ? {} : { flags: flag }),
      ...(isScoped ? { scope: readScope(flags) } : {}),
      fromRevision,
      signal: stopping.signal,
      onState: (state) => connection.tell(state, stop),
    });
    let commits = 0;
    for await (const event of events) {
      tell(event, flags.json === true);
      commits += event.type === 'commit' ? 1 : 0;
      if (commits === flags.limit) return;
    }
    connection.check();
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function tell(event: WatchEvent, asJson: boolean): void {
  if (asJson) print(JSON.stringify(event));
  else if (event.type === 'commit') print(showEvent(event, terminalColours()));
  else note(resets[event.type]);
}

const resets = {
  reset: 'The store was put back to an earlier state: what was printed may no longer hold. Later changes follow.',
  compacted: 'The changes after that place are no longer kept. Later changes follow.',
} as const;

/** Says when the server goes and when it is back. A server that was never there is a failure. */
class ConnectionNotes {
  #wasOpen = false;
  #isLost = false;
  #failure: Error | undefined;

  tell(state: WatchState, stop: () => void): void {
    if (state.state === 'open') {
      if (this.#isLost) note('Connected again.');
      this.#wasOpen = true;
      this.#isLost = false;
    } else if (!this.#wasOpen) {
      this.#failure = state.error;
      stop();
    } else if (!this.#isLost) {
      this.#isLost = true;
      note(
        `${state.error === undefined ? 'The server ends.' : messageOf(state.error)} Trying again until it is there.`,
      );
    }
  }

  /** @throws StrataClientError where no connection was ever made. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function note(text: string): void {
  process.stderr.write(`strata: ${text}\n`);
}

function collect(name: string, names: readonly string[] = []): readonly string[] {
  return [...names, name];
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number above 0.');
}
