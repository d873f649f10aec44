/** Owns the check of a history against the revisions that it was told, and against what the store holds at each. */
import { byKey, type Held, type StoredVersion, type ToldOperation } from './history.ts';

/** What is wrong, in words: acknowledged writes that are lost, orders that do not keep to real time, reads of what was not there. */
export function findOrderViolations(history: readonly ToldOperation[], stored: readonly StoredVersion[]): string[] {
  const store = new Store(stored);
  return [
    ...history.flatMap((operation) => wrongAlone(operation, store)),
    ...wrongWriteOrder(history),
    ...wrongSessions(history),
    ...wrongPlainReads(history, store),
  ];
}

/** What the keys held, by revision. */
class Store {
  readonly #keys: Map<string, StoredVersion[]>;

  constructor(versions: readonly StoredVersion[]) {
    this.#keys = byKey([...versions].sort((a, b) => a.revision - b.revision));
  }

  at(key: string, revision: number): Held {
    return this.#keys.get(key)?.findLast((version) => version.revision <= revision)?.value ?? null;
  }

  /** The revision since which the key held what it did at a revision. */
  since(key: string, revision: number): number {
    return this.#keys.get(key)?.findLast((version) => version.revision <= revision)?.revision ?? 0;
  }

  has(key: string, revision: number): boolean {
    return this.#keys.get(key)?.some((version) => version.revision === revision) ?? false;
  }
}

function wrongAlone(operation: ToldOperation, store: Store): string[] {
  const { key, action, revision, read } = operation;
  if (revision === undefined) return [];
  const holds = store.at(key, revision);
  const before = store.at(key, revision - 1);
  const wrong: string[] = [];
  const refuse = (isWrong: boolean, problem: string): void => {
    if (isWrong) wrong.push(`${problem}: ${JSON.stringify(operation)}, and the store has ${String(holds)}`);
  };
  if (action.kind === 'get') {
    refuse(holds !== action.value, 'a read of what was not there at its revision');
    refuse(revision < (read?.minRevision ?? 0), 'a read older than it was asked for');
    return wrong;
  }
  const left = action.kind === 'delete' ? null : action.value;
  refuse(!store.has(key, revision) || holds !== left, 'a lost write');
  refuse(action.kind === 'cas' && before !== action.expected, 'a write over something else than was expected');
  refuse(action.kind === 'delete' && before === null, 'a removal of nothing');
  return wrong;
}

const isWrite = ({ action, revision }: ToldOperation): boolean => action.kind !== 'get' && revision !== undefined;

/** A write that was called after another one was answered has a later revision, whatever their keys. */
function wrongWriteOrder(history: readonly ToldOperation[]): string[] {
  const writes = history.filter(isWrite);
  const byEnd = [...writes].sort((a, b) => a.end - b.end);
  const wrong: string[] = [];
  let ended = 0;
  let newest = 0;
  for (const write of [...writes].sort((a, b) => a.start - b.start)) {
    for (let next = byEnd[ended]; next !== undefined && next.end < write.start; next = byEnd[(ended += 1)])
      newest = Math.max(newest, next.revision ?? 0);
    if ((write.revision ?? 0) <= newest) wrong.push(`a write before one that had ended: ${JSON.stringify(write)}`);
  }
  return wrong;
}

/** A client that asks for what it has seen sees nothing older, at whichever process. */
function wrongSessions(history: readonly ToldOperation[]): string[] {
  const seen = new Map<string, number>();
  const wrong: string[] = [];
  for (const operation of [...history].sort((a, b) => a.start - b.start)) {
    const { client, revision, read } = operation;
    if (revision === undefined) continue;
    const newest = seen.get(client) ?? 0;
    const isAsked = operation.action.kind !== 'get' || read?.minRevision !== undefined;
    if (isAsked && revision < newest) wrong.push(`a client saw something older: ${JSON.stringify(operation)}`);
    seen.set(client, Math.max(newest, revision));
  }
  return wrong;
}

/**
 * Without `minRevision`, in one process and for one key: no read is older than a read or a write that had ended before; and no read is
 * older than it says.
 */
function wrongPlainReads(history: readonly ToldOperation[], store: Store): string[] {
  const wrong: string[] = [];
  for (const operation of history) {
    const { key, process, start, revision, read } = operation;
    if (operation.action.kind !== 'get' || revision === undefined || read === undefined) continue;
    const at = store.since(key, revision);
    for (const other of history) {
      if (other.key !== key || other.revision === undefined || store.since(key, other.revision) <= at) continue;
      if (other.process === process && other.end < start)
        wrong.push(`a process went back: ${JSON.stringify(operation)} after ${JSON.stringify(other)}`);
      if (other.action.kind !== 'get' && other.end < start - read.age)
        wrong.push(`a read older than it says: ${JSON.stringify(operation)} after ${JSON.stringify(other)}`);
    }
  }
  return wrong;
}
